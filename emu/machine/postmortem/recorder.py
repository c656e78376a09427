"""The last things that happened, kept while a machine runs."""

from __future__ import annotations

from collections import deque

from emu.core.events import (
    ConsoleOutput,
    ExceptionTaken,
    InterruptTaken,
    MmioAccess,
    PlanStepDone,
    Stamped,
)

EXCEPTIONS_MAX = 16
EVENTS_MAX = 32
_EXCEPTIONS = (ExceptionTaken, InterruptTaken)
_LEFT_OUT = (ConsoleOutput, MmioAccess, PlanStepDone, *_EXCEPTIONS)


class Recorder:
    """A listener that keeps the last exceptions, and the last of what else matters in a report.

    Device accesses and characters are left out: they would push out the rest.

    Args:
        exceptions_max: how many exceptions and interrupts taken are kept.
        events_max: how many other events are.
    """

    def __init__(
        self, *, exceptions_max: int = EXCEPTIONS_MAX, events_max: int = EVENTS_MAX
    ) -> None:
        self._exceptions: deque[Stamped] = deque(maxlen=exceptions_max)
        self._events: deque[Stamped] = deque(maxlen=events_max)

    def __call__(self, stamped: Stamped) -> None:
        """A listener for `EventStream.subscribe`."""
        if isinstance(stamped.event, _EXCEPTIONS):
            self._exceptions.append(stamped)
        elif not isinstance(stamped.event, _LEFT_OUT):
            self._events.append(stamped)

    @property
    def exceptions(self) -> tuple[Stamped, ...]:
        """The last exceptions and interrupts taken, the oldest first."""
        return tuple(self._exceptions)

    @property
    def events(self) -> tuple[Stamped, ...]:
        """The last other events, the oldest first."""
        return tuple(self._events)
