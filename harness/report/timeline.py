"""A run told as a table: virtual time, interrupt, what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from emu.arch.firmware_functions import function_name
from emu.boards.board import Board
from emu.core.events import (
    ConsoleOutput,
    Event,
    GenerationChanged,
    HypervisorCall,
    IrqAcknowledged,
    IrqEnded,
    IrqPended,
    PlanStepDone,
    Stamped,
)

_STYLES = {
    "console": "green",
    "timer": "cyan",
    "vmgenid": "bold magenta",
    "plan": "dim",
    "psci": "yellow",
    "chapter": "bold",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the timeline. `cycles` is virtual time; None for a heading."""

    kind: str
    text: str
    cycles: int | None = None
    intid: int | None = None


class Timeline:
    """Listens to machines, one after the other, and keeps what is worth telling.

    Args:
        board: gives the clock and tells which interrupt is the virtual timer's.
        vmgenid_intid: which interrupt is VMGenID's.
    """

    def __init__(self, board: Board, vmgenid_intid: int) -> None:
        self.rows: list[Row] = []
        self._cycles_per_ms = board.cycles_per_s / 1000
        self._names = {board.timers.virtual: "timer", vmgenid_intid: "vmgenid"}
        self._titles = {board.timers.virtual: "virtual timer", vmgenid_intid: "VMGenID"}
        self._line = bytearray()
        self._tellers: dict[type[Event], Callable[[int, Event], None]] = {
            ConsoleOutput: self._console,
            GenerationChanged: self._generation,
            HypervisorCall: self._call,
            IrqAcknowledged: self._interrupt,
            IrqEnded: self._interrupt,
            IrqPended: self._interrupt,
            PlanStepDone: self._step,
        }

    def chapter(self, text: str) -> None:
        """Begin a new part."""
        self.rows.append(Row("chapter", text))

    def listen(self, stamped: Stamped) -> None:
        """A listener for `EventStream.subscribe`."""
        teller = self._tellers.get(type(stamped.event))
        if teller is not None:
            teller(stamped.time, stamped.event)

    def table(self) -> Table:
        """The timeline, for rich to print."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("time [ms]", justify="right")
        table.add_column("INTID", justify="right")
        table.add_column("event", overflow="fold")
        for row in self.rows:
            time = "" if row.cycles is None else f"{row.cycles / self._cycles_per_ms:.4f}"
            intid = "" if row.intid is None else str(row.intid)
            table.add_row(time, intid, Text(row.text), style=_STYLES[row.kind])
        return table

    def _console(self, cycles: int, event: Event) -> None:
        assert isinstance(event, ConsoleOutput)
        if event.byte != ord("\n"):
            self._line.append(event.byte)
            return
        text = self._line.decode("ascii", "backslashreplace").rstrip("\r")
        self._line.clear()
        self.rows.append(Row("console", f"> {text}", cycles))

    def _generation(self, cycles: int, event: Event) -> None:
        assert isinstance(event, GenerationChanged)
        text = f"new id {event.generation_id:032x} written to {event.address:#x}"
        self.rows.append(Row("vmgenid", text, cycles))

    def _call(self, cycles: int, event: Event) -> None:
        assert isinstance(event, HypervisorCall)
        call = f"{event.conduit.name} {function_name(event.function)}"
        text = f"{call} returned {event.result:#x}"
        self.rows.append(Row("psci", text, cycles))

    def _interrupt(self, cycles: int, event: Event) -> None:
        assert isinstance(event, IrqPended | IrqAcknowledged | IrqEnded)
        verbs = {
            IrqPended: "interrupt pending",
            IrqAcknowledged: "interrupt acknowledged (ICC_IAR1_EL1)",
            IrqEnded: "interrupt ended (ICC_EOIR1_EL1)",
        }
        kind = self._names.get(event.intid, "psci")
        title = self._titles.get(event.intid, "other")
        self.rows.append(Row(kind, f"{title} {verbs[type(event)]}", cycles, event.intid))

    def _step(self, cycles: int, event: Event) -> None:
        assert isinstance(event, PlanStepDone)
        self.rows.append(Row("plan", f"{event.plan}: {event.step}", cycles))
