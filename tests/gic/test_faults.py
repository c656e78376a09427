"""The comparison with the reference model finds what may be wrong with a GIC.

Each fault is one edit of the model. The random runs are the same every time, and few: a fault that
they don't find means that the comparison does not look there. They do more of what interrupts live
on than Hypothesis's runs (`test_against_reference`), and take a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.gic.faults import FAULTS
from tests.gic.side_by_side import AFFINITY_SETS, GICD_OFFSETS, GICR_OFFSETS, PARTS, SideBySide

RUN_COUNT = 30
STEP_COUNT = 120
LINES = (27, 30, 32, 33, 64)
SGIS = (0, 1)
PRIORITIES = (0x40, 0x48, 0x60, 0x80)


def run(seed: int) -> None:
    """A random run: it fails if the GIC and the reference model differ after any step."""
    random = Random(seed)
    both = SideBySide(AFFINITY_SETS[seed % len(AFFINITY_SETS)])
    both.open_the_way()
    for _ in range(STEP_COUNT):
        random.choice(STEPS)(both, random)
        both.check()
    for size in (1, 2, 4, 8):
        both.check_registers(size)


def compare() -> None:
    """All the runs."""
    for seed in range(RUN_COUNT):
        run(seed)


Step = Callable[[SideBySide, Random], None]


def handle(both: SideBySide, random: Random) -> None:
    both.handle(
        random.randrange(4),
        random.choice(LINES),
        edge=random.random() < 0.5,
        priority=random.choice(PRIORITIES),
        group=random.randrange(2),
    )


def send_sgi(both: SideBySide, random: Random) -> None:
    affinity = random.choice(both.affinities) ^ random.choice((0, 0, 1, 0x10, 0x100))
    name = random.choice(("SGI1R", "SGI1R", "SGI0R"))
    both.send_sgi(random.randrange(4), name, random.choice(SGIS), affinity)


def write_bit(both: SideBySide, random: Random) -> None:
    intid = random.choice((*LINES, *SGIS))
    kind = random.randrange(1, 8)
    both.write_interrupt_register(random.randrange(4), intid, 0x80 * kind, 1 << intid % 32)


def end_any(both: SideBySide, random: Random) -> None:
    register = random.choice(("EOIR0", "EOIR1", "DIR"))
    both.write_icc(random.randrange(4), register, random.choice((*LINES, *SGIS)))


def write_anywhere(both: SideBySide, random: Random) -> None:
    size, value = random.choice((1, 2, 4, 8)), random.getrandbits(64)
    both.write_gicd(random.choice(GICD_OFFSETS), size, value)
    both.write_gicr(random.randrange(4), random.choice(GICR_OFFSETS), size, value)


def set_stored(both: SideBySide, random: Random) -> None:
    name, value = random.choice(
        (
            ("PMR", random.choice((*PRIORITIES, 0xFF))),
            ("CTLR", random.randrange(4)),
            (random.choice(("BPR0", "BPR1")), random.randrange(8)),
            (random.choice(("IGRPEN0", "IGRPEN1")), random.randrange(2)),
        )
    )
    both.write_icc(random.randrange(4), name, value)


STEPS: tuple[Step, ...] = (
    *[handle] * 6,
    *[send_sgi] * 2,
    *[write_bit] * 3,
    *[set_stored] * 2,
    *[lambda both, random: both.end(random.randrange(2), deactivate=random.random() < 0.5)] * 4,
    *[lambda both, random: both.acknowledge(random.randrange(4), random.randrange(2))] * 3,
    *[lambda both, random: both.drive(random.randrange(4), random.choice(LINES), high=False)] * 2,
    lambda both, random: both.drive(random.randrange(4), random.choice(LINES), high=True),
    lambda both, random: both.pulse(random.randrange(4), random.choice(LINES)),
    lambda both, random: both.route(random.choice(LINES), random.randrange(4)),
    lambda both, random: both.sleep(random.randrange(4), asleep=random.random() < 0.3),
    lambda both, random: both.write_gicd(0, 4, random.choice((1, 2, 3, 3))),
    lambda both, random: both.write_icc(random.randrange(4), "SGI1R", 1 << 40),
    lambda both, random: both.thaw(random.sample(PARTS, 3)),
    lambda both, _random: both.open_the_way(),
    end_any,
    write_anywhere,
)


@pytest.mark.parametrize("name", FAULTS)
def test_the_comparison_finds_a_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[name](monkeypatch)
    with pytest.raises(AssertionError):
        compare()


def test_without_a_fault_the_same_runs_find_nothing() -> None:
    compare()
