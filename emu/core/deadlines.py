"""Calls at points of virtual time, for what devices do by themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from emu.core.clock import VirtualClock


@dataclass(order=True, slots=True)
class Deadline:
    """A call that is due.

    Attributes:
        cycles: when, in virtual time.
        number: of two at the same time, the one that was asked for first comes first.
    """

    cycles: int
    number: int
    call: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """It will not be called. May be said twice, or too late."""
        self.call = None


class Deadlines:
    """What is due in a machine, in order of time.

    A call is made between two instructions, at the first point where its time has come. It may ask
    for others.

    Args:
        clock: the machine's time.
        on_change: told when the next time may have changed.
    """

    def __init__(self, clock: VirtualClock, on_change: Callable[[], None]) -> None:
        self._clock = clock
        self._on_change = on_change
        self._heap: list[Deadline] = []
        self._number = 0

    def at(self, cycles: int, call: Callable[[], None]) -> Deadline:
        """Call at `cycles`; if that is past, before the next instruction."""
        self._number += 1
        deadline = Deadline(cycles, self._number, call)
        heappush(self._heap, deadline)
        self._on_change()
        return deadline

    def after(self, cycles: int, call: Callable[[], None]) -> Deadline:
        """Call in so many cycles from now."""
        return self.at(self._clock.now() + cycles, call)

    def next_cycles(self) -> int | None:
        """When the next call is due; None if none is."""
        while self._heap and self._heap[0].call is None:
            heappop(self._heap)
        return self._heap[0].cycles if self._heap else None

    def run_due(self) -> None:
        """Make the calls whose time has come."""
        now = self._clock.now()
        while (due := self.next_cycles()) is not None and due <= now:
            call = heappop(self._heap).call
            if call is not None:
                call()
