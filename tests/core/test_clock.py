"""Virtual time."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import example, given

from emu.core.clock import VirtualClock

periods = st.integers(1, 50)
starts = st.integers(0, 10_000) | st.integers((1 << 66) - 100, (1 << 66) + 100)


@given(cycles_per_tick=periods, start=starts, idle=st.integers(0, 10_000))
def test_the_counter_is_time_rounded_down(cycles_per_tick: int, start: int, idle: int) -> None:
    """In ticks, of which there are 64 bits."""
    clock = VirtualClock(cycles_per_tick=cycles_per_tick, start_cycles=start)
    assert clock.now() == start
    clock.advance(idle)
    assert clock.now() == start + idle
    assert clock.count() == (start + idle) // cycles_per_tick % (1 << 64)


@given(cycles_per_tick=periods, start=starts, ticks=st.integers(1, 1000))
@example(cycles_per_tick=4, start=3, ticks=1)
def test_the_cycles_until_a_tick_are_exact(cycles_per_tick: int, start: int, ticks: int) -> None:
    """One cycle earlier the counter has not got there."""
    clock = VirtualClock(cycles_per_tick=cycles_per_tick, start_cycles=start)
    cycles, before = clock.cycles_until(ticks), clock.count()
    clock.advance(cycles - 1)
    assert clock.count() == (before + ticks - 1) % (1 << 64)
    clock.advance(1)
    assert clock.count() == (before + ticks) % (1 << 64)


@given(slices=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=10))
def test_time_goes_on_within_a_slice_and_stays_when_it_ends(slices: list[tuple[int, int]]) -> None:
    """The instruction that asks counts; what a slice began and did not execute does not."""
    clock = VirtualClock(cycles_per_tick=4)
    total = 0
    for begun, executed in slices:
        clock.begin_slice(lambda begun=begun: begun)  # type: ignore[misc]
        assert clock.now() == total + begun
        clock.end_slice(executed)
        total += executed
        assert clock.now() == total
