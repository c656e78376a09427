"""What a state says of frames that are half there, as each release has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from emu.arch.virtio_net import HEADER, RX_QUEUE, TX_QUEUE
from emu.devices.virtio.config import Offer
from emu.devices.virtio.device import VirtioState
from emu.devices.virtio.net_state import NetConfigSpaceState, NetState, RxBufferState
from emu.devices.virtio.rate_limiter import RateLimiterConfig, TokenBucketConfig
from emu.errors import IncompatibleError
from tests.devices.network.stations import ethernet_frame
from tests.devices.virtio.net_bench import V1_9, V1_10, V1_16, NetBench, started

FRAME = ethernet_frame(bytes(46))
SIZE_BYTES = HEADER.size + len(FRAME)

ONE_FRAME_A_SECOND = RateLimiterConfig(ops=TokenBucketConfig(size=1, refill_time_ms=1000))
SECOND_CYCLES = 1_000_000_000


def limited(offer: Offer = V1_16) -> NetBench:
    """One frame may pass; a second has come, and waits for the rate limiter."""
    net = NetBench(offer, rx_limit=ONE_FRAME_A_SECOND)
    net.start()
    net.give(40, 40, 100, 100)
    net.arrive(FRAME, ethernet_frame(b"second" * 8))
    return net


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
    """`avail_event`, as each release leaves it: up to v1.9 it is set where none is left."""
    net = started(offer)
    net.give(100, 100, 100)
    net.arrive(FRAME, FRAME)
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


def test_while_the_limiter_is_blocked_by_a_frame_that_was_granted_the_next_stays_in_the_link() -> (
    None
):
    """One of more bytes than the bucket has is granted and blocks the limiter."""
    limit = RateLimiterConfig(bandwidth=TokenBucketConfig(size=50, refill_time_ms=100))
    net = NetBench(rx_limit=limit)
    net.start()
    net.give(100, 100)
    net.arrive(FRAME, FRAME)
    assert net.received == [FRAME]
    assert numbers(net) == (2, 1, RxBufferState(parsed_descriptor_chains_nr=1))


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


def test_up_to_v1_9_a_frame_without_room_costs_nothing() -> None:
    net = NetBench(V1_9, rx_limit=ONE_FRAME_A_SECOND)
    net.start()
    net.arrive(FRAME)
    net.give(100)
    assert net.received == [FRAME]


def test_what_its_rate_limiter_holds_up_is_sent_later_and_in_order() -> None:
    """Until then it is available; after a restore too."""
    net = NetBench(tx_limit=ONE_FRAME_A_SECOND)
    net.start()
    frames = [ethernet_frame([n] * 50) for n in range(3)]
    net.send(*frames)
    net.settle()
    assert net.peer.received == frames[:1]
    assert net.device.state().virtio.queues[TX_QUEUE].next_avail == 1
    net.thaw_all()
    net.bench.advance(SECOND_CYCLES)
    assert net.peer.received == frames[:2]
    net.bench.advance(SECOND_CYCLES)
    assert net.peer.received == frames
    assert len(net.queues[TX_QUEUE].take_used()) == len(frames)


def test_bytes_count_with_the_header() -> None:
    """As Firecracker counts them."""
    limit = RateLimiterConfig(
        bandwidth=TokenBucketConfig(size=2 * SIZE_BYTES + 4, refill_time_ms=1000)
    )
    net = NetBench(rx_limit=limit, tx_limit=limit)
    net.start()
    net.give(100, 100, 100)
    net.arrive(FRAME, FRAME, FRAME)
    net.send(FRAME, FRAME, FRAME)
    net.settle()
    for state in (
        net.device.state().rx_rate_limiter_state,
        net.device.state().tx_rate_limiter_state,
    ):
        assert state.bandwidth is not None
        assert state.bandwidth.budget == 4
    assert (len(net.received), len(net.peer.received)) == (2, 2)


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


def test_a_device_that_merges_where_nothing_is_taken_ahead_puts_back_what_is_too_little() -> None:
    """From a state of a later release; `next_avail` is that of chains that frames are in."""
    merging = started(V1_10)
    merging.give(40)
    saved = merging.device.state().prepared_to_save()
    net = NetBench(V1_9, bench=merging.bench)
    net.queues = merging.queues
    net.mmio.load_state(merging.mmio.state())
    net.device.load_state(saved)
    net.arrive(FRAME)
    assert numbers(net) == (0, 0, RxBufferState())
    net.give(40)
    assert net.received == [FRAME]
    assert numbers(net) == (2, 2, RxBufferState())
