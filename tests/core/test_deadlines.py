"""Deadlines: calls come in order of time, once, and not after they were cancelled."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from emu.core.clock import VirtualClock
from emu.core.deadlines import Deadlines


def _deadlines() -> tuple[VirtualClock, Deadlines, list[str]]:
    clock, changes = VirtualClock(cycles_per_tick=1), list[str]()
    return clock, Deadlines(clock, lambda: changes.append("changed")), changes


@given(st.lists(st.integers(0, 20), max_size=8))
def test_calls_come_in_order_of_time_and_of_those_at_one_time_in_order_of_asking(
    times: list[int],
) -> None:
    clock, deadlines, _ = _deadlines()
    called: list[tuple[int, int]] = []
    for number, time in enumerate(times):
        deadlines.at(time, partial(called.append, (time, number)))
    for _ in range(21):
        deadlines.run_due()
        assert called == sorted((t, n) for n, t in enumerate(times) if t <= clock.now())
        clock.advance(1)
    assert deadlines.next_cycles() is None


def test_a_call_that_was_cancelled_is_not_made_and_not_waited_for() -> None:
    _, deadlines, _ = _deadlines()
    called: list[int] = []
    first = deadlines.at(0, lambda: called.append(0))
    deadlines.at(5, lambda: called.append(5))
    first.cancel()
    first.cancel()
    assert deadlines.next_cycles() == 5
    deadlines.run_due()
    assert called == []


def test_after_counts_from_now_and_who_keeps_time_is_told() -> None:
    clock, deadlines, changes = _deadlines()
    clock.advance(100)
    deadlines.after(7, lambda: None)
    assert deadlines.next_cycles() == 107
    assert changes == ["changed"]


def test_what_a_call_asks_for_at_once_is_done_at_once() -> None:
    clock, deadlines, _ = _deadlines()
    called: list[str] = []

    def first() -> None:
        deadlines.at(0, lambda: called.append("second"))

    deadlines.at(0, first)
    deadlines.run_due()
    assert called == ["second"]
    assert clock.now() == 0
