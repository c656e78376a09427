"""Schedules: which vCPU runs when, and for how many instructions.

A schedule is a value, so that a test can choose it and a case file keep it. It is asked for one
turn at a time: the n-th turn is a function of n, of the vCPUs that can run, and of the one that ran
last. A turn ends early when its vCPU waits or is turned off. A machine of one vCPU asks for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, Protocol

from emu.errors import ScheduleError

DEFAULT_QUANTUM = 10_000
"""Instructions of a turn, where nobody chose: many, as a switch costs as much time as some
thousand instructions; not too many, as a vCPU that spins for another one spins through its turn."""


class Turn(NamedTuple):
    """`vcpu` (its index) may execute `instructions` (≥ 1)."""

    vcpu: int
    instructions: int


class Schedule(Protocol):
    """Who runs next."""

    def turn(self, number: int, runnable: Sequence[int], last: int | None) -> Turn | None:
        """A turn; None if there is none of that number, to ask for the next.

        Args:
            number: how many turns were asked for before.
            runnable: indices of the vCPUs that can run, ascending; never empty.
            last: the vCPU that had the turn before; None at first.
        """

    def check(self, vcpu_count: int) -> None:
        """Raises `ScheduleError` if it can't be a schedule of so many vCPUs."""


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """The vCPUs in the order of their indices, each for `quantum` instructions.

    Raises:
        ScheduleError: the quantum is less than 1.
    """

    quantum: int = DEFAULT_QUANTUM

    def __post_init__(self) -> None:
        _check_instructions("a quantum", self.quantum)

    def turn(self, _number: int, runnable: Sequence[int], last: int | None) -> Turn:
        """The next vCPU above the last one, or the lowest."""
        above = (vcpu for vcpu in runnable if last is not None and vcpu > last)
        return Turn(next(above, runnable[0]), self.quantum)

    def check(self, vcpu_count: int) -> None:
        """It fits any number of vCPUs."""


@dataclass(frozen=True, slots=True)
class Shuffled:
    """Any vCPU that can run, for 1 to `quantum_max` instructions: random, by its seed.

    Raises:
        ScheduleError: the longest quantum is less than 1.
    """

    seed: int
    quantum_max: int = DEFAULT_QUANTUM

    def __post_init__(self) -> None:
        _check_instructions("the longest quantum", self.quantum_max)

    def turn(self, number: int, runnable: Sequence[int], _last: int | None) -> Turn:
        """Drawn from the digest of seed and number, which is the same with every Python."""
        drawn = sha256(f"{self.seed}:{number}".encode()).digest()
        vcpu, quantum = (int.from_bytes(part) for part in (drawn[:8], drawn[8:16]))
        return Turn(runnable[vcpu % len(runnable)], 1 + quantum % self.quantum_max)

    def check(self, vcpu_count: int) -> None:
        """It fits any number of vCPUs."""


@dataclass(frozen=True, slots=True)
class Explicit:
    """Exactly these turns, and then those of another schedule.

    A turn whose vCPU can't run when it comes is passed over.

    Raises:
        ScheduleError: a turn has less than 1 instruction.
    """

    turns: tuple[Turn, ...]
    then: Schedule = field(default_factory=RoundRobin)

    def __post_init__(self) -> None:
        for number, turn in enumerate(self.turns):
            _check_instructions(f"turn {number}, of vCPU {turn.vcpu},", turn.instructions)

    def turn(self, number: int, runnable: Sequence[int], last: int | None) -> Turn | None:
        """The turn of that number in the list, if its vCPU can run."""
        if number >= len(self.turns):
            return self.then.turn(number - len(self.turns), runnable, last)
        turn = self.turns[number]
        return turn if turn.vcpu in runnable else None

    def check(self, vcpu_count: int) -> None:
        """Each turn is of a vCPU that there is."""
        for number, turn in enumerate(self.turns):
            if not 0 <= turn.vcpu < vcpu_count:
                raise ScheduleError(
                    f"turn {number} of the schedule is of vCPU {turn.vcpu}; the machine has "
                    f"vCPUs 0 to {vcpu_count - 1}"
                )
        self.then.check(vcpu_count)


def _check_instructions(what: str, instructions: int) -> None:
    if instructions < 1:
        raise ScheduleError(f"{what} has {instructions} instructions; give at least 1")


DEFAULT_SCHEDULE: Schedule = RoundRobin()
"""That of a machine of which nothing else is said."""
