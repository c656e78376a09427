"""The boot timer tells of one byte at one place, and of nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emu.core.events import EventStream, GuestBooted, Stamped
from emu.devices.boot_timer import BootTimer
from tests.devices.fakes import StoppedClock


def told(*writes: tuple[int, int, int]) -> list[Stamped]:
    """What is heard of these stores: offset, size, value."""
    events, heard = EventStream(StoppedClock()), list[Stamped]()
    events.subscribe(heard.append)
    timer = BootTimer(events)
    for offset, size, value in writes:
        timer.write(offset, size, value)
    return heard


def test_the_byte_123_at_offset_0_tells_that_the_guest_has_booted_each_time() -> None:
    assert told((0, 1, 123), (0, 1, 123)) == [Stamped(0, GuestBooted())] * 2


@given(
    offset=st.integers(0, 3) | st.integers(0, 0xFFF),
    size=st.sampled_from([1, 2, 4, 8]),
    value=st.sampled_from([0, 122, 123, 124, 255]),
)
def test_other_stores_tell_nothing(offset: int, size: int, value: int) -> None:
    is_byte = (offset, size, value) == (0, 1, 123)
    assert bool(told((offset, size, value))) is is_byte


@given(offset=st.integers(0, 0xFFF), size=st.sampled_from([1, 2, 4, 8]))
def test_loads_read_as_zero(offset: int, size: int) -> None:
    assert BootTimer(EventStream(StoppedClock())).read(offset, size) == 0


def test_nobody_has_to_listen() -> None:
    BootTimer(EventStream(StoppedClock())).write(0, 1, 123)
