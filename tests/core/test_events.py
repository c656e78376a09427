"""The event stream."""

from __future__ import annotations

import pytest

from emu.core.clock import VirtualClock
from emu.core.events import ConsoleOutput, EventStream, IrqPended, Stamped, TimerFired


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(cycles_per_tick=4, start_cycles=100)


@pytest.fixture
def stream(clock: VirtualClock) -> EventStream:
    return EventStream(clock)


def test_an_event_is_stamped_with_the_time_in_cycles(
    stream: EventStream, clock: VirtualClock
) -> None:
    heard: list[Stamped] = []
    stream.subscribe(heard.append)
    stream.emit(ConsoleOutput(65))
    clock.advance(7)
    stream.emit(TimerFired(0, 27))
    assert heard == [Stamped(100, ConsoleOutput(65)), Stamped(107, TimerFired(0, 27))]


def test_listeners_hear_in_order_of_subscription(stream: EventStream) -> None:
    heard: list[str] = []
    stream.subscribe(lambda _: heard.append("first"))
    stream.subscribe(lambda _: heard.append("second"))
    stream.emit(ConsoleOutput(0))
    assert heard == ["first", "second"]


def test_a_stream_is_active_while_somebody_listens(stream: EventStream) -> None:
    assert not stream.active
    stop_first, stop_second = stream.subscribe(print), stream.subscribe(print)
    stop_first()
    assert stream.active
    stop_first()
    assert stream.active
    stop_second()
    assert not stream.active


def test_what_no_listener_wants_need_not_be_made(stream: EventStream) -> None:
    heard: list[Stamped] = []
    assert not stream.wants(ConsoleOutput)
    stop = stream.subscribe(heard.append, without=(ConsoleOutput,))
    assert (stream.wants(ConsoleOutput), stream.wants(TimerFired)) == (False, True)
    stream.emit(ConsoleOutput(65))
    assert heard == []
    also: list[Stamped] = []
    stream.subscribe(also.append, without=(TimerFired,))
    assert stream.wants(ConsoleOutput)
    stream.emit(ConsoleOutput(66))
    assert (heard, len(also)) == ([], 1)
    stop()
    assert (stream.wants(ConsoleOutput), stream.wants(TimerFired)) == (True, False)


def test_one_listener_may_subscribe_twice(stream: EventStream) -> None:
    """Each subscription is ended by its own function, however often that is called."""
    heard: list[Stamped] = []
    stop = stream.subscribe(heard.append)
    stream.subscribe(heard.append)
    stream.emit(ConsoleOutput(1))
    assert len(heard) == 2
    stop()
    stop()
    stream.emit(ConsoleOutput(2))
    assert len(heard) == 3


def test_a_listener_may_stop_listening_while_it_hears(stream: EventStream) -> None:
    heard: list[str] = []

    def once(_: Stamped) -> None:
        heard.append("once")
        stop()

    stop = stream.subscribe(once)
    stream.subscribe(lambda _: heard.append("always"))
    stream.emit(ConsoleOutput(1))
    stream.emit(ConsoleOutput(2))
    assert heard == ["once", "always", "always"]


def test_events_are_shown_with_their_fields() -> None:
    """Numbers above 9 in hex, other values as they are."""
    assert str(IrqPended(intid=33, vcpu=None)) == "IrqPended intid=0x21 vcpu=None"
    assert str(Stamped(1234, TimerFired(vcpu=0, intid=27))) == (
        "        1234 TimerFired vcpu=0 intid=0x1b"
    )
