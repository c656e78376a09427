"""A cable: what one machine sends reaches the other at the next exchange, once and in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emu.devices.network.cable import Cable
from emu.devices.network.link import Link, Port
from tests.devices.network.stations import Guest
from tests.devices.virtio.driver import Bench


class Machine:
    """A machine in a time of its own."""

    def __init__(self, link: Link) -> None:
        self.bench = Bench()
        self.port: Port = link.plug(Guest(), self.bench.host)
        self.received: list[bytes] = []

    def run(self, cycles: int) -> None:
        self.bench.advance(cycles)
        while (frame := self.port.waiting()) is not None:
            self.received.append(frame)
            self.port.take()


@given(
    quanta=st.lists(
        st.tuples(st.lists(st.binary(max_size=2)), st.lists(st.binary(max_size=2)), st.booleans())
    )
)
def test_what_is_sent_in_a_quantum_arrives_in_the_next_whoever_runs_first(
    quanta: list[tuple[list[bytes], list[bytes], bool]],
) -> None:
    cable = Cable()
    first, second = (Machine(Link(end)) for end in cable.ends)
    before: tuple[list[bytes], list[bytes]] = ([], [])
    for from_first, from_second, is_reversed in [*quanta, ([], [], False)]:
        cable.exchange()
        for frame in from_first:
            first.port.send(frame)
        for frame in from_second:
            second.port.send(frame)
        for machine in (second, first) if is_reversed else (first, second):
            machine.run(10)
        assert (second.received, first.received) == before
        before = (before[0] + from_first, before[1] + from_second)


def test_what_reaches_an_end_where_nothing_is_plugged_in_is_lost() -> None:
    cable = Cable()
    machine = Machine(Link(cable.ends[0]))
    machine.port.send(b"lost")
    machine.run(1)
    cable.exchange()
    late = Machine(Link(cable.ends[1]))
    cable.exchange()
    late.run(1)
    assert late.received == []
