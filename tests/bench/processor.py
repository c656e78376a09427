"""How fast the processor is, beside Unicorn alone: `python -m tests.bench.processor`.

A round is run on our machine and then on bare Unicorn, again and again by turns, and timed in CPU
time of this process, so that a busy host matters less; each figure is the median of its rounds.
Straight code is counted exactly on both sides. The cost of a thing is that of one round through a
loop of the fewest instructions that do it, these included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from time import process_time
from typing import Protocol

from rich.console import Console
from rich.table import Table

from tests.bench import bare, guests
from tests.bench.bare import Bare
from tests.bench.guests import Guest
from tests.bench.ours import Ours


class Subject(Protocol):
    """What runs a guest."""

    def run(self, rounds: int, /) -> None:
        """Go so often through the guest's loop."""

    def close(self) -> None:
        """Free what it holds."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One guest on both sides."""

    name: str
    ours: Callable[[], Subject]
    bare: Callable[[], Subject]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: of each row.
        instructions: of straight code in a round.
        things: in a round: exceptions, interrupts and so on.
    """

    rounds: int = 15
    instructions: int = 3_000_000
    things: int = 2_000


@dataclass(frozen=True, slots=True)
class Result:
    """Seconds of CPU time of a round, on our machine and on bare Unicorn: the medians."""

    ours_s: float
    bare_s: float


STRAIGHT = {
    "arithmetic, MMU off": guests.ARITHMETIC,
    "loads and stores, MMU on": guests.LOADS_AND_STORES,
    "the same, page executable": guests.STORES_TO_CODE,
}

COSTS = (
    Contest("exception (SVC, ERET)", lambda: Ours(guests.EXCEPTION), bare.BareException),
    Contest("interrupt (SGI, IAR, EOIR, ERET)", lambda: Ours(guests.INTERRUPT), bare.BareInterrupt),
    Contest(
        "system register (MRS CNTVCT)",
        lambda: Ours(guests.SYSTEM_REGISTER),
        bare.BareSystemRegister,
    ),
    Contest("MMIO (load of PL011 FR)", lambda: Ours(guests.MMIO), bare.BareMmio),
    Contest(
        "vCPU switch (a turn of 2)",
        lambda: Ours(guests.EMPTY, vcpu_count=2, quantum=guests.EMPTY.instructions),
        lambda: bare.BarePair(guests.EMPTY),
    ),
    Contest("wait (WFI, timer wakes)", lambda: Ours(guests.WAIT), bare.BareWait),
)


def measure(contest: Contest, loops: int, rounds: int) -> Result:
    """Time `rounds` rounds of `loops` loops each, on both sides by turns."""
    with closing(contest.ours()) as ours, closing(contest.bare()) as peer:
        subjects = ours, peer
        for subject in subjects:
            subject.run(loops)  # translates the code
        times_s = [[_time_s(subject, loops) for subject in subjects] for _ in range(rounds)]
    return Result(*(median(side) for side in zip(*times_s, strict=True)))


def _time_s(subject: Subject, loops: int) -> float:
    begin = process_time()
    subject.run(loops)
    return process_time() - begin


def straight_table(size: Size) -> Table:
    """Straight code: millions of instructions in a second."""
    table = Table("straight code", "MIPS", "bare Unicorn", "ratio", box=None)
    for name, guest in STRAIGHT.items():
        loops = -(-size.instructions // guest.instructions)
        result = measure(_straight(name, guest), loops, size.rounds)
        instructions = loops * guest.instructions
        mips = (instructions / seconds / 1e6 for seconds in (result.ours_s, result.bare_s))
        ratio = result.bare_s / result.ours_s
        table.add_row(name, *(f"{figure:.1f}" for figure in mips), f"{ratio:.0%}")
    return table


def _straight(name: str, guest: Guest) -> Contest:
    return Contest(name, lambda: Ours(guest), lambda: Bare(guest))


def cost_table(size: Size) -> Table:
    """What leaves straight code: microseconds for each."""
    table = Table("cost of one", "µs", "bare Unicorn, µs", "x bare", box=None)
    for contest in COSTS:
        result = measure(contest, size.things, size.rounds)
        costs_us = [seconds / size.things * 1e6 for seconds in (result.ours_s, result.bare_s)]
        cells = [f"{cost:.2f}" for cost in costs_us]
        table.add_row(contest.name, *cells, f"{costs_us[0] / costs_us[1]:.1f}")
    return table


def tables(size: Size) -> Iterator[Table]:
    """All that is measured."""
    yield straight_table(size)
    yield cost_table(size)


def main() -> None:
    """Print the tables."""
    console = Console(highlight=False, width=100)
    for table in tables(Size()):
        console.print(table, "")


if __name__ == "__main__":
    main()
