"""What the commands that run a guest have in common: budgets, what is recorded, how it ends."""

from __future__ import annotations

import time
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
from harness.attended_run import Attendant, Budget, Clock, End, Left, run_attended
from harness.event_lines import EventWriter
from harness.instruction_trace import watched_instructions
from harness.onlookers import StatusDrawer
from harness.report.outcome import print_postmortem
from harness.report.output import stdout_text
from harness.report.status_line import StatusLine
from harness.report.trace import Entry, trace_line
from harness.symbols import Symbols

REAL_TIME: Clock = time.monotonic
"""The host's clock, for who sits at a terminal. Nothing else in a run reads one."""


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
        status: whether to show how far the run is, on a terminal; None if nobody has said.
    """

    max_instructions: int | None = None
    max_time_s: float | None = None
    events: Path | None = None
    trace: Path | None = None
    trace_from: int = 0
    trace_last: int = 0
    symbols: tuple[Path, ...] = ()
    as_json: bool = False
    status: bool | None = None

    @property
    def stdout_users(self) -> int:
        """How many of these options ask for stdout; without any, it is for the guest's console."""
        return (self.events, self.trace).count(STANDARD_STREAM) + self.as_json

    def shows_status(self, *, at_console: bool) -> bool:
        """Whether to show how far the run is; who sits at the guest's console has to ask for it."""
        return not at_console if self.status is None else self.status


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        reason: in words.
        end: the same; None if the guest did what the machine does not model.
        found: all that there is to know.
    """

    reason: str
    end: End | None
    found: Postmortem

    @property
    def powered_off(self) -> bool:
        """The guest ended it by itself, and well."""
        return self.end is Stop.SYSTEM_OFF

    @property
    def is_good(self) -> bool:
        """It ended as somebody wanted, so that there is nothing to report."""
        return self.end in (Stop.SYSTEM_OFF, Left.USER)


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

    def run(self, machine: Machine, *attendants: Attendant) -> Ending:
        """Run `machine`, which `listen` listens to; a report tells of any end but a good one.

        Args:
            machine: the machine.
            attendants: who looks after it besides the status line.
        """
        budget = Budget.of(machine, self._options.max_instructions, self._options.max_time_s)
        own = (_TraceStarter(self), StatusDrawer(self._status, REAL_TIME))
        try:
            end = run_attended(machine, budget, [*own, *attendants], clock=REAL_TIME)
        except GuestError as error:
            return self._end(machine, str(error))
        except KeyboardInterrupt:
            self._end(machine, "the user interrupted it")
            raise
        return self._end(machine, end.value, end)

    @property
    def trace_start_cycles(self) -> int | None:
        """When instructions begin to be traced; None if they never will, or are already."""
        wanted = self._trace_file is not None or self._options.trace_last
        return self._options.trace_from if wanted and not self._tracing else None

    def start_trace(self, machine: Machine) -> None:
        """Trace instructions and events from here on."""
        self._stack.enter_context(watched_instructions(machine, self._trace))
        self._tracing = True

    # --- inside ------------------------------------------------------------------------------

    def _opened(self, path: Path) -> TextIO:
        if path == STANDARD_STREAM:
            return stdout_text()
        return self._stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))

    def _trace(self, entry: Entry) -> None:
        if self._trace_file is not None:
            self._trace_file.write(f"{trace_line(entry, self._symbols)}\n")
        self._last.append(entry)

    def _end(self, machine: Machine, reason: str, end: End | None = None) -> Ending:
        self._status.clear()
        self._stack.close()
        stdout_text().flush()
        ending = Ending(reason, end, examine(machine, reason, self._recorder))
        if not ending.is_good or self._options.as_json:
            last = [trace_line(entry, self._symbols) for entry in self._last]
            print_postmortem(ending.found, self._symbols, last, as_json=self._options.as_json)
        return ending


class _TraceStarter:
    """An attendant that has the trace of a session begin when it is time."""

    interval_s = None

    def __init__(self, session: Session) -> None:
        self._session = session

    def until_cycles(self, _machine: Machine) -> int | None:
        return self._session.trace_start_cycles

    def attend(self, machine: Machine, end: End | None) -> End | None:
        start = self._session.trace_start_cycles
        if end is None and start is not None and machine.clock.now() >= start:
            self._session.start_trace(machine)
        return end
