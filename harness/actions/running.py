"""What the commands that run a guest have in common: budgets, what is recorded, how it ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

from emu.core.events import Event, Listener, MmioAccess, Stamped
from emu.errors import GuestError
from emu.machine import Machine, Stop
from emu.machine.postmortem import Postmortem, Recorder, examine
from harness.actions.files import STANDARD_STREAM
from harness.event_lines import EventWriter
from harness.instruction_trace import watched_instructions
from harness.report.outcome import print_postmortem, progress
from harness.report.output import stdout_text
from harness.report.status_line import StatusLine
from harness.report.trace import Entry, trace_line
from harness.symbols import Symbols

_CYCLES_BETWEEN_STATUS = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line says of a run.

    Attributes:
        max_instructions: after so many the run ends; None for no limit.
        max_time_s: after so many seconds of virtual time the run ends; None for no limit.
        events: where events go as lines of JSON; `-` is stdout.
        trace: where every instruction goes; `-` is stdout.
        trace_from: virtual time, in cycles, from which on instructions are traced.
        trace_last: the last so many instructions and events are part of the report.
        symbols: files with names for addresses.
        as_json: the report is printed to stdout as JSON.
    """

    max_instructions: int | None = None
    max_time_s: float | None = None
    events: Path | None = None
    trace: Path | None = None
    trace_from: int = 0
    trace_last: int = 0
    symbols: tuple[Path, ...] = ()
    as_json: bool = False

    @property
    def stdout_users(self) -> int:
        """How many of these options ask for stdout; without any, it is for the guest's console."""
        return (self.events, self.trace).count(STANDARD_STREAM) + self.as_json


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        reason: in words.
        powered_off: the guest ended it by itself, and well.
        found: all that there is to know.
    """

    reason: str
    powered_off: bool
    found: Postmortem


class Session:
    """A run with all that is recorded of it.

    Its files are opened when the context is entered. It may listen before there is a machine, as
    the steps of a restore come first.

    Args:
        options: what is asked for.
        listeners: who else listens.
        status: where the progress is shown.
        symbols: names that are known without a file.

    Raises:
        SymbolError: a file of symbols can't be used.
        OSError: it can't be read.
    """

    def __init__(
        self,
        options: RunOptions,
        *,
        listeners: Iterable[Listener],
        status: StatusLine,
        symbols: Symbols | None = None,
    ) -> None:
        self._options = options
        self._status = status
        self._symbols = symbols or Symbols()
        for path in options.symbols:
            self._symbols |= Symbols.load(path)
        self._recorder = Recorder()
        self._listeners: list[Listener] = [self._recorder, *listeners]
        self._last: deque[Entry] = deque(maxlen=options.trace_last)
        self._trace_file: TextIO | None = None
        self._tracing = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Open the files. Raises `OSError`."""
        if self._options.events is not None:
            self._listeners.append(EventWriter(self._opened(self._options.events)))
        if self._options.trace is not None:
            self._trace_file = self._opened(self._options.trace)
        return self

    def __exit__(self, *_: object) -> None:
        self._status.clear()
        self._stack.close()

    @property
    def unneeded(self) -> tuple[type[Event], ...]:
        """Kinds of events that `listen` can do without: device accesses, for the report alone."""
        options = self._options
        return () if options.events or options.trace or options.trace_last else (MmioAccess,)

    def listen(self, stamped: Stamped) -> None:
        """A listener for `EventStream.subscribe`."""
        for listener in self._listeners:
            listener(stamped)
        if self._tracing:
            self._trace(stamped)

    def run(self, machine: Machine) -> Ending:
        """Run `machine`, which `listen` listens to; a report tells of any end but a good one."""
        try:
            stop = self._run_in_budget(machine)
        except GuestError as error:
            return self._end(machine, str(error))
        except KeyboardInterrupt:
            self._end(machine, "the user interrupted it")
            raise
        return self._end(machine, stop.value, powered_off=stop is Stop.SYSTEM_OFF)

    # --- inside ------------------------------------------------------------------------------

    def _opened(self, path: Path) -> TextIO:
        if path == STANDARD_STREAM:
            return stdout_text()
        return self._stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))

    def _trace(self, entry: Entry) -> None:
        if self._trace_file is not None:
            self._trace_file.write(f"{trace_line(entry, self._symbols)}\n")
        self._last.append(entry)

    def _run_in_budget(self, machine: Machine) -> Stop:
        budget = _Budget.of(machine, self._options)
        if self._trace_file is None and not self._options.trace_last:
            return self._run_with_status(machine, budget)
        stop = budget.run(machine, until_cycles=self._options.trace_from)
        if stop is not None:
            return stop
        with watched_instructions(machine, self._trace):
            self._tracing = True
            return self._run_with_status(machine, budget)

    def _run_with_status(self, machine: Machine, budget: _Budget) -> Stop:
        """How a run is cut into pieces makes no difference to the guest."""
        stop = None
        while stop is None:
            pause = machine.clock.now() + _CYCLES_BETWEEN_STATUS if self._status.shown else None
            stop = budget.run(machine, until_cycles=pause)
            self._status.show(progress(machine))
        return stop

    def _end(self, machine: Machine, reason: str, *, powered_off: bool = False) -> Ending:
        self._status.clear()
        self._stack.close()
        stdout_text().flush()
        found = examine(machine, reason, self._recorder)
        if not powered_off or self._options.as_json:
            last = [trace_line(entry, self._symbols) for entry in self._last]
            print_postmortem(found, self._symbols, last, as_json=self._options.as_json)
        return Ending(reason, powered_off, found)


@dataclass(frozen=True, slots=True)
class _Budget:
    """Where a run ends, in instructions and in cycles; None for nowhere."""

    end_instructions: int | None
    end_cycles: int | None

    @classmethod
    def of(cls, machine: Machine, options: RunOptions) -> Self:
        """The budget of a run that begins now."""
        instructions, time_s = options.max_instructions, options.max_time_s
        cycles_per_s = machine.board.counter_frequency_hz * machine.board.cycles_per_tick
        return cls(
            None if instructions is None else machine.instructions + instructions,
            None if time_s is None else machine.clock.now() + round(time_s * cycles_per_s),
        )

    def run(self, machine: Machine, until_cycles: int | None) -> Stop | None:
        """Run to the end of the budget, or to a time; None if only the time has come."""
        now = machine.clock.now()
        instructions, cycles = self.end_instructions, self.end_cycles
        pauses = until_cycles is not None and (cycles is None or until_cycles < cycles)
        end = until_cycles if pauses else cycles
        stop = machine.run(
            None if instructions is None else instructions - machine.instructions,
            None if end is None else max(0, end - now),
        )
        return None if pauses and stop is Stop.TIME_LIMIT else stop
