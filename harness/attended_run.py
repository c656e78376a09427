"""A run that somebody attends to: it is cut into pieces, between which they look at the machine.

How a run is cut makes no difference to the guest, so a piece may be as long as the host is fast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, Self

from emu.machine import Machine, Stop

Clock = Callable[[], float]
"""The host's clock in seconds: for who sits at a terminal, never for the guest."""

_PIECE_INSTRUCTIONS_MIN = 10_000
_PIECE_INSTRUCTIONS_MAX = 20_000_000


class Left(Enum):
    """Why a run ended that could have gone on."""

    USER = "the user left"


End = Stop | Left
"""Why a run ended."""


class Attendant(Protocol):
    """Looks after a run between its pieces."""

    @property
    def interval_s(self) -> float | None:
        """About how often it wants to attend, in real time; None if that is no matter."""

    def until_cycles(self, machine: Machine, /) -> int | None:
        """The time at which the piece that begins now has to end; None for any."""

    def attend(self, machine: Machine, end: End | None, /) -> End | None:
        """A piece is over, and with `end` the run; None if it goes on. Returns what is to be."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Where a run ends, in instructions and in cycles; None for nowhere."""

    end_instructions: int | None
    end_cycles: int | None

    @classmethod
    def of(cls, machine: Machine, instructions: int | None, time_s: float | None) -> Self:
        """So many instructions, and so much virtual time, from where the machine is."""
        cycles = None if time_s is None else round(time_s * machine.board.cycles_per_s)
        return cls(
            None if instructions is None else machine.instructions + instructions,
            None if cycles is None else machine.clock.now() + cycles,
        )

    def run(
        self, machine: Machine, until_cycles: int | None, max_instructions: int | None = None
    ) -> Stop | None:
        """Run to the end of the budget; None if a time, or a number of instructions, came first."""
        executed, now = machine.instructions, machine.clock.now()
        stop = machine.run(
            _least(_left(self.end_instructions, executed), max_instructions),
            _least(_left(self.end_cycles, now), _left(until_cycles, now)),
        )
        if stop is Stop.LIMIT and machine.instructions != self.end_instructions:
            return None
        if stop is Stop.TIME_LIMIT and machine.clock.now() != self.end_cycles:
            return None
        return stop


def run_attended(
    machine: Machine, budget: Budget, attendants: Sequence[Attendant], *, clock: Clock
) -> End:
    """Run to the end of the budget or of the guest, or until an attendant ends it; why it ended.

    Args:
        machine: the machine.
        budget: where it ends at the latest.
        attendants: asked one after another, in this order.
        clock: measures how long a piece takes.

    Raises:
        ThawbenchError: as `Machine.run`, or an attendant.
    """
    intervals = [each.interval_s for each in attendants if each.interval_s is not None]
    length = _PieceLength(min(intervals), clock) if intervals else None
    end: End | None = None
    while end is None:
        until: int | None = None
        for each in attendants:
            until = _least(until, each.until_cycles(machine))
        end = length.run(machine, budget, until) if length else budget.run(machine, until)
        for each in attendants:
            end = each.attend(machine, end)
    return end


class _PieceLength:
    """Finds out how many instructions take about as long as the attendants may wait."""

    def __init__(self, interval_s: float, clock: Clock) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._instructions = _PIECE_INSTRUCTIONS_MIN

    def run(self, machine: Machine, budget: Budget, until_cycles: int | None) -> Stop | None:
        before, begin_s = machine.instructions, self._clock()
        stop = budget.run(machine, until_cycles, self._instructions)
        executed, took_s = machine.instructions - before, self._clock() - begin_s
        if executed and took_s > 0:
            fitting = round(executed / took_s * self._interval_s)
            at_least = max(fitting, _PIECE_INSTRUCTIONS_MIN)
            self._instructions = min(at_least, _PIECE_INSTRUCTIONS_MAX)
        return stop


def _left(end: int | None, now: int) -> int | None:
    return None if end is None else max(0, end - now)


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
