"""Time in which a guest waits passes as in reality; time in which it works is not made up for."""

from __future__ import annotations

import pytest

from harness.console.pacing import Pacer


class FakeClock:
    """A clock that is set by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_a_guest_that_waits_is_held_back_for_so_long(clock: FakeClock) -> None:
    pacer = Pacer(clock)
    slept_s = 0.0
    for _ in range(50):
        ahead_s = pacer.ahead_s(0.02)
        clock.now_s += ahead_s
        slept_s += ahead_s
    assert slept_s == pytest.approx(1.0)


def test_what_the_host_needs_for_it_is_part_of_the_wait(clock: FakeClock) -> None:
    pacer = Pacer(clock)
    clock.now_s += 0.3
    assert pacer.ahead_s(1.0) == pytest.approx(0.7)


def test_a_wait_that_a_key_has_cut_short_is_waited_out_later(clock: FakeClock) -> None:
    pacer = Pacer(clock)
    assert pacer.ahead_s(1.0) == pytest.approx(1.0)
    clock.now_s += 0.25
    assert pacer.ahead_s(0.0) == pytest.approx(0.75)


def test_a_guest_that_was_slow_in_its_work_does_not_wait_less_afterwards(clock: FakeClock) -> None:
    pacer = Pacer(clock)
    clock.now_s += 60.0
    assert pacer.ahead_s(0.0) == 0.0
    assert pacer.ahead_s(1.0) == pytest.approx(1.0)
