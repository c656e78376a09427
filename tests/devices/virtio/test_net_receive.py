"""How frames get into the driver's buffers, and what a state says of those that are half there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.virtio import Feature
from emu.arch.virtio_net import HEADER, RX_QUEUE, NetFeature
from emu.core.events import BufferUsed, FrameDropped
from emu.devices.network.link import QUEUE_FRAMES_MAX
from emu.devices.virtio.config import Offer
from emu.devices.virtio.device import VirtioState
from emu.devices.virtio.net_state import NetConfigSpaceState, NetState, RxBufferState
from emu.devices.virtio.rate_limiter import RateLimiterConfig, TokenBucketConfig
from emu.errors import IncompatibleError
from tests.devices.network.stations import ethernet_frame
from tests.devices.virtio.driver import OUTSIDE_RAM, Part, Used
from tests.devices.virtio.net_bench import SEGMENTED, V1_9, V1_10, V1_16, NetBench

NO_MERGING = (NetFeature.MRG_RXBUF, *SEGMENTED)
FRAME = ethernet_frame(bytes(46))
SIZE_BYTES = HEADER.size + len(FRAME)

ONE_FRAME_A_SECOND = RateLimiterConfig(ops=TokenBucketConfig(size=1, refill_time_ms=1000))
SECOND_CYCLES = 1_000_000_000


def started(
    offer: Offer = V1_16, *, without: tuple[int, ...] = (), queue_size: int = 16
) -> NetBench:
    net = NetBench(offer)
    net.start(without=without, queue_size=queue_size)
    return net


def limited(offer: Offer = V1_16) -> NetBench:
    """One frame may pass; a second has come, and waits for the rate limiter."""
    net = NetBench(offer, rx_limit=ONE_FRAME_A_SECOND)
    net.start()
    net.give(40, 40, 100, 100)
    net.arrive(FRAME, ethernet_frame(b"second" * 8))
    return net


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


# --- what is saved -------------------------------------------------------------------------------


def numbers(net: NetBench) -> tuple[int, int, RxBufferState]:
    """`next_avail` and `next_used` of the receive queue, and how far its buffers are used."""
    state = net.device.state()
    queue = state.virtio.queues[RX_QUEUE]
    return queue.next_avail, queue.next_used, state.rx_buffers_state


def test_up_to_v1_9_chains_are_taken_for_frames() -> None:
    net = started(V1_9)
    net.give(100, 100, 100)
    assert numbers(net) == (0, 0, RxBufferState())
    net.arrive(FRAME)
    assert numbers(net) == (1, 1, RxBufferState())


def test_from_v1_10_on_all_chains_are_taken_ahead() -> None:
    net = started(V1_10)
    net.give(100, 100, 100)
    assert numbers(net) == (3, 0, RxBufferState(parsed_descriptor_chains_nr=3))
    net.arrive(FRAME)
    assert numbers(net) == (3, 1, RxBufferState(parsed_descriptor_chains_nr=2))


@pytest.mark.parametrize(("offer", "expected"), [(V1_9, 0), (V1_10, 3)])
def test_the_driver_is_asked_to_tell_of_what_comes_behind_the_chains_that_were_taken(
    offer: Offer, expected: int
) -> None:
    """`avail_event`, as each release leaves it."""
    net = started(offer)
    net.give(100, 100, 100)
    queue = net.queues[RX_QUEUE]
    assert (
        int.from_bytes(net.bench.ram.read(queue.used + 4 + 8 * queue.size, 2), "little") == expected
    )


def test_a_frame_that_its_rate_limiter_holds_up_is_in_the_guests_buffers_and_not_seen() -> None:
    net = limited()
    assert net.received == [FRAME]
    buffers = RxBufferState(parsed_descriptor_chains_nr=1, used_descriptors=1, used_bytes=74)
    assert numbers(net) == (4, 2, buffers)
    net.bench.advance(SECOND_CYCLES)
    assert net.received == [ethernet_frame(b"second" * 8)]
    assert numbers(net) == (4, 3, RxBufferState(parsed_descriptor_chains_nr=1))


def test_a_frame_that_is_held_up_comes_after_a_restore() -> None:
    net = limited()
    net.thaw_all()
    net.device.kick()
    assert net.received == [FRAME]
    net.bench.advance(SECOND_CYCLES)
    assert net.received == [ethernet_frame(b"second" * 8)]


def test_up_to_v1_9_a_frame_that_is_held_up_stays_in_the_link() -> None:
    net = NetBench(V1_9, rx_limit=ONE_FRAME_A_SECOND)
    net.start()
    net.give(100, 100)
    net.arrive(FRAME, FRAME)
    assert numbers(net) == (1, 1, RxBufferState())
    net.thaw_all()
    net.bench.advance(SECOND_CYCLES)
    assert net.received == [FRAME, FRAME]


def test_prepared_to_save_a_frame_that_is_held_up_is_counted_in_and_buffers_are_put_back() -> None:
    """What Firecracker's `prepare_save` does from v1.13 on."""
    net = limited()
    before = net.device.state()
    state = before.prepared_to_save()
    assert state.rx_buffers_state == RxBufferState()
    old, new = before.virtio.queues[RX_QUEUE], state.virtio.queues[RX_QUEUE]
    assert new == replace(
        old, next_avail=3, next_used=old.next_used + 1, num_added=old.num_added + 1
    )
    assert state.virtio.queues[1] == before.virtio.queues[1]
    assert net.device.state() == before


def test_the_driver_sees_a_frame_that_was_counted_in_when_the_device_is_kicked() -> None:
    """Firecracker counts it in and does not write the ring's index before it has saved."""
    net = limited()
    assert net.received == [FRAME]
    net.queues[RX_QUEUE].set_used_event(2)
    pulses = net.bench.line.pulses
    net.thaw(lambda old, new: new.load_state(old.state().prepared_to_save()))
    assert net.received == []
    net.device.kick()
    assert net.received == [ethernet_frame(b"second" * 8)]
    assert net.bench.line.pulses == pulses + 1


def test_a_reset_forgets_what_is_half_there() -> None:
    net = limited()
    net["Status"] = 0
    assert net.device.state().rx_buffers_state == RxBufferState()
    net.start()
    net.give(100)
    net.bench.advance(SECOND_CYCLES)
    assert net.received == []


def broken(state: NetState, **buffers: int) -> NetState:
    return replace(state, rx_buffers_state=RxBufferState(**buffers))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: broken(s, parsed_descriptor_chains_nr=17), "17; expected 0 to 16"),
        (lambda s: broken(s, used_descriptors=-1), "used_descriptors is -1"),
        (lambda s: broken(s, used_bytes=65563), "used_bytes is 65563"),
        (lambda s: replace(s, id="eth1"), "it is that of eth1"),
        (
            lambda s: replace(s, config_space=NetConfigSpaceState(guest_mac=b"")),
            "0 bytes; expected",
        ),
        (lambda s: replace(s, config_space=NetConfigSpaceState(mtu=9)), "mtu is 9"),
        (
            lambda s: replace(
                broken(s, used_bytes=1),
                virtio=VirtioState(avail_features=0, queues=s.virtio.queues),
            ),
            "used_bytes is 1; expected 0 to 0",
        ),
    ],
)
def test_a_state_that_no_device_can_have_is_refused(
    change: Callable[[NetState], NetState], why: str
) -> None:
    net = started()
    state = net.device.state()
    with pytest.raises(IncompatibleError, match=why):
        net.device.load_state(change(state))
    assert net.device.state() == state


def test_a_device_that_takes_nothing_ahead_refuses_a_state_of_one_that_does() -> None:
    net = started(V1_10)
    net.give(100)
    state = net.device.state()
    with pytest.raises(IncompatibleError, match="which this monitor does not do"):
        started(V1_9).device.load_state(state)
    started(V1_9).device.load_state(state.prepared_to_save())
