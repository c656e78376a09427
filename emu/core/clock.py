"""Virtual time: one count of cycles for the whole machine, advanced by executed instructions.

One instruction takes one cycle; when every vCPU waits, time jumps to the next deadline. The system
counter ticks once every `cycles_per_tick` cycles, rounded down. Nothing here reads a host clock:
the count that stands for it is injected where the machine is made, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable

CYCLES_MAX = (1 << 64) - 1
"""Virtual time ends here: it must fit the 64 bits that snapshots have for it."""

_COUNTER_MASK = (1 << 64) - 1


class VirtualClock:
    """The machine's time in cycles, and the system counter derived from it.

    Args:
        cycles_per_tick: cycles in one tick of the system counter.
        start_cycles: the injected host clock: what `now` says at first.
    """

    def __init__(self, *, cycles_per_tick: int, start_cycles: int = 0) -> None:
        self.cycles_per_tick = cycles_per_tick
        self._base = start_cycles
        self._in_slice: Callable[[], int] = int

    def now(self) -> int:
        """Cycles so far, the instruction being executed included."""
        return self._base + self._in_slice()

    def count(self) -> int:
        """The system counter (what CNTPCT_EL0 shows): 64 bits."""
        return self.now() // self.cycles_per_tick & _COUNTER_MASK

    def cycles_until(self, ticks: int) -> int:
        """Cycles from now until the system counter has advanced by `ticks` (≥ 1)."""
        return ticks * self.cycles_per_tick - self.now() % self.cycles_per_tick

    def begin_slice(self, executed: Callable[[], int]) -> None:
        """A vCPU starts to run: `executed` tells how many instructions it has begun."""
        self._in_slice = executed

    def end_slice(self, executed: int) -> None:
        """The vCPU stopped after `executed` instructions."""
        self._in_slice = int
        self._base += executed

    def advance(self, cycles: int) -> None:
        """Let idle time pass."""
        self._base += cycles


def wall_clock(clock: VirtualClock, start_s: int, cycles_per_s: int) -> Callable[[], int]:
    """The host's wall clock, in seconds since 1970, which goes with virtual time.

    Args:
        clock: virtual time.
        start_s: what it says now.
        cycles_per_s: cycles in one second.
    """
    start_cycles = clock.now()
    return lambda: start_s + (clock.now() - start_cycles) // cycles_per_s
