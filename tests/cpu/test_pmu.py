"""The performance monitors: the cycle counter, sets of bits, and access from EL0."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.core.clock import VirtualClock
from emu.cpu.pmu import Pmu

E, P, C, D, LC = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 6
CYCLE_COUNTER = 1 << 31
WRAP = 1 << 64


class Bench:
    """Performance monitors at an injected time."""

    def __init__(self, *, control: int = 0, enabled: int = CYCLE_COUNTER, cycles: int = 0) -> None:
        self.clock = VirtualClock(cycles_per_tick=4, start_cycles=1000)
        self.pmu = Pmu(self.clock)
        self.pmu.load("PMCCNTR_EL0", cycles)
        self.pmu.load("PMCNTENSET_EL0", enabled)
        self.pmu.load("PMCR_EL0", control)

    def after(self, cycles: int) -> int:
        """The cycle counter after so many cycles."""
        self.clock.advance(cycles)
        return self.pmu.read("PMCCNTR_EL0")

    @property
    def overflowed(self) -> bool:
        return bool(self.pmu.read("PMOVSSET_EL0"))


@pytest.mark.parametrize(
    ("control", "enabled", "counts"),
    [
        (E | LC, CYCLE_COUNTER, True),
        (E | LC, 0, False),
        (LC, CYCLE_COUNTER, False),
        (0, 0, False),
    ],
)
def test_it_counts_cycles_when_enabled_in_both_places(
    control: int, enabled: int, counts: bool
) -> None:
    bench = Bench(control=control, enabled=enabled, cycles=5)
    assert [bench.after(10), bench.after(0), bench.after(7)] == (
        [15, 15, 22] if counts else [5, 5, 5]
    )


def test_time_before_it_is_enabled_does_not_count() -> None:
    bench = Bench(control=LC)
    bench.clock.advance(100)
    bench.pmu.write("PMCR_EL0", E | LC)
    assert bench.after(3) == 3
    bench.pmu.write("PMCNTENCLR_EL0", CYCLE_COUNTER)
    assert bench.after(100) == 3


def test_a_count_that_a_monitor_sets_goes_on_from_then() -> None:
    """The time before it belongs to the count that it replaces."""
    bench = Bench(control=E | LC)
    bench.clock.advance(100)
    bench.pmu.load("PMCCNTR_EL0", 7)
    assert bench.after(3) == 10


@pytest.mark.parametrize(
    ("control", "cycles", "overflows"),
    [
        (E, 2**32 - 1, True),
        (E, 2**32 - 2, False),
        (E, 2**33 - 1, True),
        (E | LC, 2**32 - 1, False),
        (E | LC, WRAP - 1, True),
        (E, WRAP - 1, True),
    ],
)
def test_it_overflows_from_bit_31_or_with_lc_from_bit_63(
    control: int, cycles: int, overflows: bool
) -> None:
    """The count itself always has 64 bits; the overflow stays until it is cleared."""
    bench = Bench(control=control, cycles=cycles)
    assert bench.after(1) == (cycles + 1) % WRAP
    assert bench.overflowed == overflows
    bench.pmu.write("PMOVSCLR_EL0", CYCLE_COUNTER)
    assert not bench.overflowed


@given(steps=st.lists(st.integers(0, 300), max_size=8))
def test_the_clock_divider_counts_every_64th_cycle(steps: list[int]) -> None:
    """However often it is looked at; with LC set it has no effect."""
    divided, plain = Bench(control=E | D), Bench(control=E | D | LC)
    for step in steps:
        divided.after(step)
        plain.after(step)
    end = 1000 + sum(steps)
    assert divided.after(0) == end // 64 - 1000 // 64
    assert plain.after(0) == sum(steps)


def test_a_guest_s_write_of_c_resets_the_count_and_a_monitor_s_does_not() -> None:
    bench = Bench(control=E | LC, cycles=50)
    bench.pmu.load("PMCR_EL0", E | LC | C | P)
    assert bench.after(0) == 50
    bench.pmu.write("PMCR_EL0", E | LC | C | P)
    assert bench.after(2) == 2
    assert bench.pmu.read("PMCR_EL0") == E | LC


def test_there_are_no_event_counters() -> None:
    """PMCR.N is 0, the one event is CPU_CYCLES, and selected counters read as zero."""
    bench = Bench()
    bench.pmu.write("PMCR_EL0", WRAP - 1)
    assert bench.pmu.read("PMCR_EL0") >> 11 == 0
    assert (bench.pmu.read("PMCEID0_EL0"), bench.pmu.read("PMCEID1_EL0")) == (1 << 0x11, 0)
    bench.pmu.write("PMSWINC_EL0", 1)
    for name in ("PMXEVCNTR_EL0", "PMXEVTYPER_EL0"):
        bench.pmu.write(name, 0xFC00_0000)
        assert bench.pmu.read(name) == 0
    assert bench.pmu.read("PMCCFILTR_EL0") == 0


def test_selector_31_reaches_the_cycle_counter_s_filter() -> None:
    bench = Bench()
    bench.pmu.write("PMSELR_EL0", 31)
    bench.pmu.write("PMXEVTYPER_EL0", WRAP - 1)
    assert bench.pmu.read("PMXEVTYPER_EL0") == bench.pmu.read("PMCCFILTR_EL0") == 0xFC00_0000


@pytest.mark.parametrize(
    ("to_set", "to_clear"),
    [
        ("PMCNTENSET_EL0", "PMCNTENCLR_EL0"),
        ("PMOVSSET_EL0", "PMOVSCLR_EL0"),
        ("PMINTENSET_EL1", "PMINTENCLR_EL1"),
    ],
)
def test_pairs_set_and_clear_bits_and_read_alike(to_set: str, to_clear: str) -> None:
    bench = Bench(enabled=0)
    bench.pmu.write(to_set, WRAP - 1)
    bench.pmu.write(to_set, 0)
    assert bench.pmu.read(to_set) == bench.pmu.read(to_clear) == CYCLE_COUNTER
    bench.pmu.write(to_clear, 1)
    assert bench.pmu.read(to_set) == CYCLE_COUNTER
    bench.pmu.write(to_clear, CYCLE_COUNTER)
    assert bench.pmu.read(to_set) == bench.pmu.read(to_clear) == 0
    bench.pmu.write(to_set, CYCLE_COUNTER)
    bench.pmu.load(to_set, 0)
    assert bench.pmu.read(to_set) == 0


EN, SW, CR, ER = 1, 2, 4, 8
READ, WRITE = True, False
GRANTED = {
    ("PMUSERENR_EL0", READ): 0,
    ("PMCCNTR_EL0", READ): EN | CR,
    ("PMCCNTR_EL0", WRITE): EN,
    ("PMSELR_EL0", READ): EN | ER,
    ("PMSELR_EL0", WRITE): EN | ER,
    ("PMXEVCNTR_EL0", READ): EN | ER,
    ("PMXEVCNTR_EL0", WRITE): EN,
    ("PMXEVTYPER_EL0", READ): EN,
    ("PMSWINC_EL0", WRITE): EN | SW,
    ("PMCR_EL0", READ): EN,
    ("PMCNTENSET_EL0", WRITE): EN,
    ("PMOVSCLR_EL0", WRITE): EN,
    ("PMCCFILTR_EL0", WRITE): EN,
    ("PMCEID0_EL0", READ): EN,
}
"""The bits of PMUSERENR_EL0 of which any grants the access (D19.5.21); 0: always granted."""


@given(user=st.integers(0, 15), access=st.sampled_from(sorted(GRANTED)))
def test_pmuserenr_says_what_el0_may_access(user: int, access: tuple[str, bool]) -> None:
    bench = Bench()
    bench.pmu.write("PMUSERENR_EL0", user)
    granting = GRANTED[access]
    assert bench.pmu.el0_allowed(*access) == (bool(user & granting) or not granting)
