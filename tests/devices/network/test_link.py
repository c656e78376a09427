"""A link: frames arrive a latency later, in order, between two instructions, at one device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.events import FrameDropped
from emu.devices.network.link import QUEUE_FRAMES_MAX, Link, Port
from emu.errors import MachineError
from tests.devices.network.stations import Guest, Station
from tests.devices.virtio.driver import Bench


def waiting(port: Port) -> list[bytes]:
    """Take all that has arrived for the guest."""
    taken = []
    while (frame := port.waiting()) is not None:
        taken.append(frame)
        port.take()
    return taken


@given(
    latency=st.integers(0, 10),
    sent=st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.binary(max_size=3))),
)
def test_frames_arrive_in_order_a_latency_after_they_were_sent(
    latency: int, sent: list[tuple[int, bool, bytes]]
) -> None:
    bench, station, guest = Bench(), Station(), Guest()
    link = Link(station, latency_cycles=latency)
    port = link.plug(guest, bench.host)
    times: dict[bool, list[tuple[int, bytes]]] = {True: [], False: []}
    arrived: dict[bool, list[tuple[int, bytes]]] = {True: [], False: []}

    def let_time_pass(cycles: int) -> None:
        for cycle in range(cycles + 1):
            bench.advance(min(cycle, 1))
            now = bench.clock.now()
            arrived[True] += [(now, frame) for frame in station.received]
            arrived[False] += [(now, frame) for frame in waiting(port)]
            station.received.clear()

    for wait, is_guests, frame in sent:
        let_time_pass(wait)
        times[is_guests].append((bench.clock.now() + latency, frame))
        (port.send if is_guests else station.send)(frame)
    let_time_pass(latency)
    assert arrived == times


def test_without_latency_a_frame_arrives_before_the_next_instruction_and_not_at_once() -> None:
    """A device is not called back while it is at work."""
    bench, station, guest = Bench(), Station(), Guest()
    port = Link(station).plug(guest, bench.host)
    port.send(b"to the peer")
    station.send(b"to the guest")
    assert (station.received, guest.told) == ([], 0)
    bench.advance(0)
    assert (station.received, guest.told) == ([b"to the peer"], 1)


def test_a_link_to_nobody_takes_frames() -> None:
    bench = Bench()
    port = Link().plug(Guest(), bench.host)
    port.send(b"lost")
    bench.advance(0)
    assert port.waiting() is None


def test_only_so_many_frames_wait_and_the_rest_is_lost_and_told() -> None:
    bench, station = Bench(), Station()
    port = Link(station).plug(Guest(), bench.host)
    station.send(*[b"%d" % n for n in range(QUEUE_FRAMES_MAX + 1)])
    bench.advance(0)
    assert bench.log == [FrameDropped("eth0", 3, "500 frames wait already")]
    assert waiting(port) == [b"%d" % n for n in range(QUEUE_FRAMES_MAX)]


def test_a_link_that_is_plugged_in_elsewhere_leads_nowhere_from_where_it_was() -> None:
    """What waits and what travels goes along, and arrives once."""
    old, new, station = Bench(), Bench(), Station()
    link = Link(station, latency_cycles=5)
    before = link.plug(Guest(), old.host)
    station.send(b"waits")
    old.advance(5)
    station.send(b"travels")
    before.send(b"travels too")
    after = link.plug(Guest(), new.host)
    old.advance(5)
    assert (station.received, before.waiting()) == ([], None)
    before.send(b"lost")
    new.advance(5)
    assert station.received == [b"travels too"]
    assert waiting(after) == [b"waits", b"travels"]


def test_a_link_that_is_plugged_in_again_where_it_was_loses_and_doubles_nothing() -> None:
    bench, station = Bench(), Station()
    link = Link(station, latency_cycles=5)
    link.plug(Guest(), bench.host).send(b"travels")
    bench.advance(3)
    link.plug(Guest(), bench.host)
    bench.advance(100)
    assert station.received == [b"travels"]


def test_a_latency_is_not_negative() -> None:
    with pytest.raises(MachineError, match="latency of -1 cycles"):
        Link(latency_cycles=-1)
