"""The generic timer: conditions, deadlines and access from EL0."""

from __future__ import annotations

from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from emu.core.clock import VirtualClock
from emu.cpu.timer import GenericTimer
from tests.cpu.lone_vcpu import Line

WRAP = 1 << 64
ENABLE, IMASK, ISTATUS = 1, 2, 4


@dataclass
class Bench:
    """A generic timer at an injected time."""

    cycles_per_tick: int = 1
    cycles: int = 0
    virtual: Line = field(default_factory=Line)
    physical: Line = field(default_factory=Line)
    fired: list[str] = field(default_factory=list)
    changes: int = 0

    def __post_init__(self) -> None:
        self.clock = VirtualClock(cycles_per_tick=self.cycles_per_tick, start_cycles=self.cycles)
        self.timer = GenericTimer(
            clock=self.clock,
            virtual_line=self.virtual,
            physical_line=self.physical,
            on_change=self._changed,
            on_fire=self.fired.append,
        )

    def _changed(self) -> None:
        self.changes += 1

    def start(self, prefix: str, cval: int, ctl: int = ENABLE) -> None:
        """Set a timer, compare value first."""
        self.timer.write(f"{prefix}_CVAL_EL0", cval)
        self.timer.write(f"{prefix}_CTL_EL0", ctl)

    def pass_time(self, cycles: int) -> None:
        """Let time pass in one go."""
        self.clock.advance(cycles)
        self.timer.update()


@pytest.mark.parametrize("prefix", ["CNTV", "CNTP"])
@pytest.mark.parametrize(
    ("cval", "ctl", "status", "high"),
    [
        (100, ENABLE, ISTATUS, True),
        (99, ENABLE, ISTATUS, True),
        (0, ENABLE, ISTATUS, True),
        (101, ENABLE, 0, False),
        (WRAP - 1, ENABLE, 0, False),
        (100, ENABLE | IMASK, ISTATUS, False),
        (100, 0, 0, False),
        (100, IMASK, 0, False),
    ],
)
def test_the_condition_at_count_100(
    prefix: str, cval: int, ctl: int, status: int, high: bool
) -> None:
    """ISTATUS is the condition alone; the line also needs IMASK clear."""
    bench = Bench(cycles=100)
    bench.start(prefix, cval, ctl)
    assert bench.timer.read(f"{prefix}_CTL_EL0") == ctl | status
    line, other = (bench.virtual, bench.physical)[:: 1 if prefix == "CNTV" else -1]
    assert (line.high, other.high) == (high, False)
    assert bench.fired == [prefix] * high


def test_istatus_and_reserved_bits_can_not_be_written() -> None:
    bench = Bench()
    bench.timer.write("CNTV_CVAL_EL0", 5)
    bench.timer.write("CNTV_CTL_EL0", WRAP - 1)
    assert bench.timer.read("CNTV_CTL_EL0") == ENABLE | IMASK


@given(count=st.integers(0, WRAP - 1), tval=st.integers(0, 2**32 - 1))
@example(count=5, tval=2**32 - 6)
def test_tval_is_a_signed_distance_of_32_bits(count: int, tval: int) -> None:
    bench = Bench(cycles=count)
    bench.timer.write("CNTP_TVAL_EL0", tval | 0xABCD << 32)
    signed = tval - (tval >> 31 << 32)
    assert bench.timer.read("CNTP_CVAL_EL0") == (count + signed) % WRAP
    assert bench.timer.read("CNTP_TVAL_EL0") == tval
    bench.clock.advance(1)
    assert bench.timer.read("CNTP_TVAL_EL0") == (tval - 1) % 2**32


@given(count=st.integers(0, WRAP - 1), offset=st.integers(0, WRAP - 1))
@example(count=10, offset=11)
@example(count=WRAP - 1, offset=WRAP - 1)
def test_the_virtual_count_is_the_system_counter_less_cntvoff(count: int, offset: int) -> None:
    """Also for a counter that is behind the offset: the guest then sees a count near 2^64."""
    bench = Bench(cycles=count)
    bench.timer.write("CNTVOFF_EL2", offset)
    assert bench.timer.read("CNTVCT_EL0") == (count - offset) % WRAP
    assert bench.timer.read("CNTPCT_EL0") == count
    bench.timer.write("CNTV_TVAL_EL0", 7)
    assert bench.timer.read("CNTV_CVAL_EL0") == (count - offset + 7) % WRAP


def reference_levels(cval: int, offset: int, ticks: list[int]) -> list[bool]:
    """The line of an enabled, unmasked timer at each count of the system counter."""
    return [(tick - offset) % WRAP >= cval for tick in ticks]


@given(
    cycles_per_tick=st.integers(1, 9),
    start=st.integers(0, 200),
    cval=st.integers(0, 80) | st.integers(WRAP - 40, WRAP - 1),
    offset=st.integers(0, 60) | st.integers(WRAP - 60, WRAP - 1),
)
@example(cycles_per_tick=4, start=3, cval=2, offset=0)
@example(cycles_per_tick=3, start=0, cval=5, offset=10)
def test_deadlines_are_exact_to_the_cycle(
    cycles_per_tick: int, start: int, cval: int, offset: int
) -> None:
    """From any cycle, the line moves at the deadline and not a cycle before (or never)."""
    bench = Bench(cycles_per_tick=cycles_per_tick, cycles=start)
    bench.timer.write("CNTVOFF_EL2", offset)
    bench.start("CNTV", cval)
    horizon = [(start + cycle) // cycles_per_tick for cycle in range(1000)]
    levels = reference_levels(cval, offset, horizon)
    moves = [cycle for cycle in range(1, len(levels)) if levels[cycle] != levels[cycle - 1]]
    rises = [cycle for cycle in moves if levels[cycle]]
    assert bench.virtual.high == levels[0]
    found = bench.timer.cycles_to_change()
    assert moves[:1] == ([] if found is None or found >= len(levels) else [found])
    rise = bench.timer.cycles_to_rise()
    assert (rise is None) == levels[0]
    if rise is not None and rises:
        assert rise == rises[0]


@given(
    cycles_per_tick=st.integers(1, 5),
    start=st.integers(0, 20),
    cval=st.integers(0, 60),
    offset=st.integers(0, 40),
    steps=st.lists(st.integers(1, 30), max_size=20),
)
def test_it_fires_once_each_time_the_line_rises(
    cycles_per_tick: int, start: int, cval: int, offset: int, steps: list[int]
) -> None:
    """However often it is looked at, and although the count wraps on the way."""
    bench = Bench(cycles_per_tick=cycles_per_tick, cycles=start)
    bench.timer.write("CNTVOFF_EL2", offset)
    bench.start("CNTV", cval)
    for step in steps:
        # As the machine does: never past a change.
        left = step
        while (change := bench.timer.cycles_to_change()) is not None and change <= left:
            bench.pass_time(change)
            left -= change
        bench.pass_time(left)
    end = start + sum(steps)
    levels = reference_levels(cval, offset, [c // cycles_per_tick for c in range(start, end + 1)])
    pairs = zip([False, *levels], levels, strict=False)
    assert len(bench.fired) == bench.virtual.rises == sum(b and not a for a, b in pairs)
    assert bench.virtual.high == levels[-1]


@given(
    cycles_per_tick=st.integers(1, 7),
    start=st.integers(0, 50),
    virtual=st.integers(0, 100),
    physical=st.integers(0, 100),
)
def test_the_nearer_of_two_deadlines_counts(
    cycles_per_tick: int, start: int, virtual: int, physical: int
) -> None:
    bench = Bench(cycles_per_tick=cycles_per_tick, cycles=start)
    bench.start("CNTV", virtual)
    bench.start("CNTP", physical)
    left = [
        c * cycles_per_tick - start for c in (virtual, physical) if c > start // cycles_per_tick
    ]
    assert bench.timer.cycles_to_rise() == min(left, default=None)


@pytest.mark.parametrize("ctl", [0, IMASK, ENABLE | IMASK])
def test_a_timer_that_is_off_or_masked_has_no_deadline(ctl: int) -> None:
    bench = Bench()
    bench.start("CNTV", 100, ctl)
    assert (bench.timer.cycles_to_rise(), bench.timer.cycles_to_change()) == (None, None)


def test_the_guest_s_writes_move_the_lines_at_once_and_a_monitor_s_do_not() -> None:
    bench = Bench(cycles=100)
    bench.timer.load("CNTV_CTL_EL0", ENABLE)  # its compare value, still to come, is ahead
    bench.timer.load("CNTV_CVAL_EL0", 200)
    assert (bench.virtual.rises, bench.changes) == (0, 0)
    bench.timer.update()
    assert bench.virtual.rises == 0
    bench.timer.write("CNTV_CVAL_EL0", 100)
    assert (bench.virtual.high, bench.changes) == (True, 1)
    bench.timer.write("CNTV_CTL_EL0", 0)
    assert (bench.virtual.high, bench.changes) == (False, 2)


EL0_BITS = {
    "CNTPCT_EL0": 0b00_0000_0001,
    "CNTVCT_EL0": 0b00_0000_0010,
    "CNTFRQ_EL0": 0b00_0000_0011,
    "CNTV_CTL_EL0": 0b01_0000_0000,
    "CNTV_CVAL_EL0": 0b01_0000_0000,
    "CNTV_TVAL_EL0": 0b01_0000_0000,
    "CNTP_CTL_EL0": 0b10_0000_0000,
    "CNTP_CVAL_EL0": 0b10_0000_0000,
    "CNTP_TVAL_EL0": 0b10_0000_0000,
}
"""Any of these bits of CNTKCTL_EL1 lets EL0 access the register (DDI 0487, D19.12.16)."""


@given(control=st.integers(0, 0x3FF), name=st.sampled_from(sorted(EL0_BITS)))
def test_cntkctl_says_what_el0_may_access(control: int, name: str) -> None:
    bench = Bench()
    bench.timer.write("CNTKCTL_EL1", control)
    assert bench.timer.read("CNTKCTL_EL1") == control
    assert bench.timer.el0_allowed(name) == bool(control & EL0_BITS[name])
