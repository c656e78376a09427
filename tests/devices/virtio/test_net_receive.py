"""Frames get into the driver's buffers as they are, whatever buffers these are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio import Feature
from emu.arch.virtio_net import HEADER, RX_QUEUE, NetFeature
from emu.core.events import BufferUsed, FrameDropped
from emu.devices.network.link import QUEUE_FRAMES_MAX
from emu.devices.virtio.config import Offer
from tests.devices.network.stations import ethernet_frame
from tests.devices.virtio.driver import OUTSIDE_RAM, Part, QueueDriver, Used
from tests.devices.virtio.net_bench import SEGMENTED, V1_9, V1_10, V1_16, NetBench, started

NO_MERGING = (NetFeature.MRG_RXBUF, *SEGMENTED)
FRAME = ethernet_frame(bytes(46))
SIZE_BYTES = HEADER.size + len(FRAME)

# --- buffers -----------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(12, 300), min_size=16, max_size=16), length=st.integers(0, 150))
def test_a_frame_goes_over_as_many_chains_as_it_needs(sizes: list[int], length: int) -> None:
    """With MRG_RXBUF: `num_buffers` says how many, and all but the last are full (5.1.6.4)."""
    net, frame = started(), ethernet_frame(range(length))
    net.give(*sizes)
    net.arrive(frame)
    used = net.queues[RX_QUEUE].take_used()
    written = [entry.written for entry in used]
    assert sum(written) == HEADER.size + len(frame)
    assert written[:-1] == sizes[: len(used) - 1]
    whole = b"".join(net.queues[RX_QUEUE].content(entry.head)[: entry.written] for entry in used)
    assert whole == HEADER.pack(0, 0, 0, 0, 0, 0, len(used)) + frame


def test_a_chain_may_have_several_buffers() -> None:
    net = started(without=NO_MERGING)
    head = net.queues[RX_QUEUE].offer(5, 20, 1501)
    net.notify(RX_QUEUE)
    net.arrive(FRAME)
    assert net.queues[RX_QUEUE].take_used() == [Used(head, SIZE_BYTES)]
    content = net.queues[RX_QUEUE].content(head)[:SIZE_BYTES]
    assert content == HEADER.pack(0, 0, 0, 0, 0, 0, 1) + FRAME


@pytest.mark.parametrize("offer", [V1_9, V1_16])
def test_a_frame_without_room_waits_and_so_do_those_behind_it(offer: Offer) -> None:
    net = started(offer)
    frames = [ethernet_frame([n] * 100) for n in range(3)]
    net.give(*[90] * (offer is not V1_9))
    net.arrive(*frames)
    assert net.received == []
    net.give(140, 140, 140)
    assert net.received == frames
    assert net.bench.violations == []


def test_of_frames_that_nobody_takes_the_last_are_lost_and_told() -> None:
    net = started()
    net.arrive(*[FRAME] * (QUEUE_FRAMES_MAX + 2))
    dropped = [event for event in net.bench.log if isinstance(event, FrameDropped)]
    assert dropped == [FrameDropped("eth0", len(FRAME), "500 frames wait already")] * 2


def test_frames_that_come_before_the_driver_wait_for_it() -> None:
    net = NetBench()
    net.arrive(FRAME)
    net.start()
    net.give(100)
    assert net.received == [FRAME]


def test_frames_that_wait_are_received_when_the_driver_starts_the_device() -> None:
    """It may have made buffers available before, as Linux does, and need not notify of them."""

    class Eager(NetBench):
        def _set_up(self, index: int, size: int) -> QueueDriver:
            queue = super()._set_up(index, size)
            if index == RX_QUEUE:
                queue.offer(100)
            return queue

    net = Eager()
    net.arrive(FRAME)
    net.start()
    assert net.received == [FRAME]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (11, "room for 11 bytes; expected 12"),
        (bytes(100), "is readable"),
        (Part(OUTSIDE_RAM, 100, is_writable=True), "not in RAM"),
    ],
)
def test_a_chain_that_can_not_be_used_is_given_back_with_nothing_and_told(
    part: int | bytes | Part, why: str
) -> None:
    """The frame goes to the next, also where it would begin before and end behind that chain."""
    net = started()
    first, bad, last = (net.queues[RX_QUEUE].offer(content) for content in (40, part, 40))
    net.notify(RX_QUEUE)
    net.arrive(FRAME)
    assert net.queues[RX_QUEUE].take_used() == [Used(bad, 0), Used(first, 40), Used(last, 32)]
    assert len(net.bench.violations) == 1
    assert why in net.bench.violations[0]
    assert not net.needs_reset


def test_bad_chains_are_given_back_even_if_there_is_no_good_one() -> None:
    """A driver that waits for a buffer to be used would wait for ever."""
    net = started()
    net.give(4, 5)
    net.arrive(FRAME)
    assert [used.written for used in net.queues[RX_QUEUE].take_used()] == [0, 0]
    net.give(100)
    assert net.received == [FRAME]


@pytest.mark.parametrize(
    ("without", "least"), [((NetFeature.MRG_RXBUF,), 65562), (NO_MERGING, 1526)]
)
def test_without_merging_chains_have_to_be_of_the_size_for_any_frame(
    without: tuple[int, ...], least: int
) -> None:
    """Firecracker from v1.10 on gives smaller ones back; 5.1.6.3.1 says which size that is."""
    net = started(V1_10, without=without)
    net.give(least - 1, least)
    net.arrive(FRAME)
    assert [used.written for used in net.queues[RX_QUEUE].take_used()] == [0, SIZE_BYTES]


def test_where_chains_are_taken_for_a_frame_one_too_small_for_it_is_given_back() -> None:
    """Up to v1.9."""
    net = started(V1_9)
    net.give(SIZE_BYTES - 1, SIZE_BYTES)
    net.arrive(FRAME)
    assert [used.written for used in net.queues[RX_QUEUE].take_used()] == [0, SIZE_BYTES]


def test_a_frame_larger_than_a_buffer_of_the_right_size_is_dropped_and_the_next_comes() -> None:
    net = started(without=NO_MERGING)
    net.give(1526)
    net.arrive(ethernet_frame(bytes(1501)), ethernet_frame(bytes(1500)))
    assert net.received == [ethernet_frame(bytes(1500))]
    assert sum(isinstance(event, FrameDropped) for event in net.bench.log) == 1


def test_a_frame_larger_than_any_is_dropped() -> None:
    net = started()
    net.arrive(ethernet_frame(bytes(65562 - HEADER.size - 13)))
    assert sum(isinstance(event, FrameDropped) for event in net.bench.log) == 1


def test_a_loop_in_a_chain_needs_a_reset_and_the_machine_lives() -> None:
    net = started()
    net.queues[RX_QUEUE].write_descriptor(0, OUTSIDE_RAM, 100, flags=3, following=0)
    net.queues[RX_QUEUE].publish(0)
    net.notify(RX_QUEUE)
    net.arrive(FRAME)
    assert net.needs_reset
    net.arrive(FRAME)
    assert len(net.bench.violations) == 1


def test_more_chains_than_there_are_descriptors_need_a_reset() -> None:
    """Also where each step of the driver's index is small enough, but nothing was given back."""
    net = started()
    net.give(*[20] * 16)
    assert not net.needs_reset
    net.queues[RX_QUEUE].publish(0)
    net.notify(RX_QUEUE)
    assert net.needs_reset


# --- interrupts ----------------------------------------------------------------------------------


def test_a_frame_is_one_interrupt_however_many_chains_it_has() -> None:
    net = started(without=(Feature.EVENT_IDX,))
    net.give(*[30] * 8)
    assert net.bench.line.pulses == 0
    net.arrive(FRAME)
    assert net.bench.line.pulses == 1
    assert net.acknowledge() == 1


def test_the_driver_sees_all_chains_of_a_frame_at_once() -> None:
    """An event is told for each, when the driver can see it."""
    net = started()
    net.give(40, 40)
    net.arrive(FRAME)
    used = [event for event in net.bench.log if isinstance(event, BufferUsed)]
    assert used == [BufferUsed("eth0", RX_QUEUE, 0, 40), BufferUsed("eth0", RX_QUEUE, 1, 32)]


def test_with_event_idx_the_interrupt_comes_at_the_entry_that_the_driver_names() -> None:
    net = started()
    net.queues[RX_QUEUE].set_used_event(1)
    net.give(100, 100)
    net.arrive(FRAME)
    assert net.bench.line.pulses == 0
    net.arrive(FRAME)
    assert net.bench.line.pulses == 1
