"""A network device carries frames both ways, each once and in order, whatever becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from emu.arch.virtio import NET, Feature
from emu.arch.virtio_net import HEADER, RX_QUEUE, TX_QUEUE, NetFeature
from emu.core.events import FrameReceived, FrameSent
from emu.devices.virtio.config import Offer
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.rate_limiter import UNLIMITED, RateLimiterConfig, TokenBucketConfig
from emu.errors import BoardError
from tests.devices.network.stations import ethernet_frame
from tests.devices.virtio.driver import OUTSIDE_RAM, Bench, Part
from tests.devices.virtio.net_bench import MAC, SEGMENTED, V1_9, V1_10, V1_16, NetBench

OFFERS = pytest.mark.parametrize("offer", [V1_9, V1_10, V1_16], ids=["v1.9", "v1.10", "v1.16"])

frames = st.binary(max_size=1486).map(ethernet_frame)


@pytest.fixture
def net() -> NetBench:
    net = NetBench()
    net.start()
    return net


def numbered(count: int, size_bytes: int = 60) -> list[bytes]:
    """Frames that are not alike."""
    return [ethernet_frame([n] * (size_bytes - 14)) for n in range(count)]


# --- sending ---------------------------------------------------------------------------------


@OFFERS
@given(sent=st.lists(frames, max_size=5), cut=st.integers(0, 12))
def test_frames_that_are_sent_reach_the_peer_each_once_and_in_order(
    offer: Offer, sent: list[bytes], cut: int
) -> None:
    """However header and frame are split over buffers (virtio 1.2, 2.7.4)."""
    net = NetBench(offer)
    net.start()
    for frame in sent:
        data = bytes(HEADER.size) + frame
        net.queues[TX_QUEUE].offer(data[: cut + 1], data[cut + 1 :])
    net.notify(TX_QUEUE)
    net.settle()
    assert net.peer.received == sent
    assert [used.written for used in net.queues[TX_QUEUE].take_used()] == [0] * len(sent)
    assert net.bench.violations == []


def test_who_listens_is_told_of_frames_both_ways(net: NetBench) -> None:
    net.send(ethernet_frame(bytes(46)))
    net.give(100)
    net.arrive(ethernet_frame(bytes(50)))
    told = [event for event in net.bench.log if isinstance(event, FrameSent | FrameReceived)]
    assert told == [FrameSent("eth0", 60), FrameReceived("eth0", 64)]


def test_a_frame_that_is_sent_arrives_after_the_latency_of_the_link() -> None:
    net = NetBench(latency_cycles=100)
    net.start()
    net.send(*numbered(2))
    net.bench.advance(99)
    assert net.peer.received == []
    net.bench.advance(1)
    assert net.peer.received == numbered(2)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((bytes(HEADER.size - 1),), "a chain of 11 bytes is sent"),
        ((bytes(HEADER.size + 13),), "at least 14 of Ethernet's"),
        ((bytes(HEADER.size), bytes(65551)), "of 65563 bytes; expected 65562 at most"),
        ((bytes(HEADER.size), bytes(60), 8), "the device may write it"),
        ((Part(OUTSIDE_RAM, 80, is_writable=False),), "not in RAM"),
        ((Part(OUTSIDE_RAM, 0xFFFF_FFFF, is_writable=False),), "expected 65562 at most"),
    ],
)
def test_what_is_no_frame_is_given_back_and_told_and_the_next_is_sent(
    net: NetBench, parts: tuple[bytes | int | Part, ...], why: str
) -> None:
    net.queues[TX_QUEUE].offer(*parts)
    net.send(*numbered(1))
    net.settle()
    assert net.peer.received == numbered(1)
    assert [used.written for used in net.queues[TX_QUEUE].take_used()] == [0, 0]
    assert len(net.bench.violations) == 1
    assert why in net.bench.violations[0]
    assert not net.needs_reset


def test_a_ring_that_runs_away_needs_a_reset_and_the_machine_lives(net: NetBench) -> None:
    net.bench.ram.write(net.queues[TX_QUEUE].available + 2, (17).to_bytes(2, "little"))
    net.notify(TX_QUEUE)
    assert net.needs_reset
    net.peer.send(*numbered(1))
    net.settle()
    assert len(net.bench.violations) == 1


# --- configuration -----------------------------------------------------------------------------


def test_the_configuration_space_has_mac_and_mtu() -> None:
    net = NetBench(mtu=9000)
    assert net.config(0, 4).to_bytes(4, "little") + net.config(4, 2).to_bytes(2, "little") == MAC
    assert net.config(10, 2) == 9000
    assert net.offered == V1_16.features


def test_without_a_choice_neither_mac_nor_mtu_is_offered() -> None:
    device = NetConfig(id="eth0").build(Bench().host, V1_16)
    assert device.avail_features == V1_16.features & ~NET.mask("MAC", "MTU")


def test_where_the_monitor_knows_no_mtu_the_space_ends_with_the_mac_address() -> None:
    assert NetBench(V1_10).device.config_space == MAC


def test_the_driver_may_write_the_mac_address_and_nothing_else(net: NetBench) -> None:
    """As Firecracker lets it; the state has the address that was written."""
    net.mmio.write(0x100 + 4, 2, 0xBBAA)
    net.mmio.write(0x100 + 10, 2, 1500)
    mac = MAC[:4] + b"\xaa\xbb"
    assert net.device.config_space == mac + bytes(6)
    assert net.device.state().config_space.guest_mac == mac
    assert len(net.bench.violations) == 1


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (NetConfig(id="eth0", guest_mac=bytes(5)), "5 bytes; expected 6"),
        (NetConfig(id="eth0", mtu=67), "MTU is 67; expected 68 to 65535"),
        (NetConfig(id="eth0", mtu=1500), "needs MTU"),
    ],
)
def test_what_a_monitor_has_not_is_refused(config: NetConfig, why: str) -> None:
    with pytest.raises(BoardError, match=why):
        config.build(Bench().host, V1_10)


def test_features_that_the_model_asks_for_have_the_numbers_of_the_table() -> None:
    ours = {name: bit for name, bit in vars(NetFeature).items() if name.isupper()}
    assert ours.items() <= {name: bit for bit, name in NET.features.items()}.items()


# --- captured at any moment ----------------------------------------------------------------------


@dataclass
class Expected:
    """What has to arrive, on one way."""

    sent: list[bytes] = field(default_factory=list)
    arrived: list[bytes] = field(default_factory=list)


class FrozenAnywhere(RuleBasedStateMachine):
    """Frames go both ways, and between any two steps the device's state moves to another one."""

    offer = V1_16
    without: tuple[int, ...] = ()
    buffer_size_bytes = 200
    limit = UNLIMITED
    patience_cycles = 3

    def __init__(self) -> None:
        super().__init__()
        self.net = NetBench(
            self.offer,
            bench=Bench(cycles_per_s=1000),
            latency_cycles=3,
            rx_limit=self.limit,
            tx_limit=self.limit,
        )
        self.net.start(without=self.without)
        self.to_guest, self.to_peer = Expected(), Expected()
        self.number = 0

    def next_frame(self, size_bytes: int) -> bytes:
        self.number += 1
        return ethernet_frame(self.number.to_bytes(2, "big") * (size_bytes // 2))

    @rule(size_bytes=st.integers(2, 600))
    def peer_sends(self, size_bytes: int) -> None:
        frame = self.next_frame(size_bytes)
        self.to_guest.sent.append(frame)
        self.net.peer.send(frame)

    @precondition(lambda self: self.net.queues[TX_QUEUE].outstanding < 8)
    @rule(size_bytes=st.integers(2, 600))
    def guest_sends(self, size_bytes: int) -> None:
        frame = self.next_frame(size_bytes)
        self.to_peer.sent.append(frame)
        self.net.send(frame)

    @precondition(lambda self: self.net.queues[RX_QUEUE].outstanding < 14)
    @rule(count=st.integers(1, 2), notifies=st.booleans())
    def guest_gives_buffers(self, count: int, notifies: bool) -> None:
        for _ in range(count):
            self.net.queues[RX_QUEUE].offer(self.buffer_size_bytes)
        if notifies:
            self.net.notify(RX_QUEUE)

    @rule(cycles=st.integers(0, 5))
    def time_passes(self, cycles: int) -> None:
        self.net.bench.advance(cycles)

    @rule()
    def guest_takes(self) -> None:
        self.to_guest.arrived += self.net.received
        self.net.queues[TX_QUEUE].take_used()
        self.to_peer.arrived = list(self.net.peer.received)

    @rule()
    def freeze_and_thaw(self) -> None:
        self.net.thaw_all()

    @rule()
    def freeze_and_thaw_in_place(self) -> None:
        device = self.net.device
        state = device.state()
        device.load_state(state)
        assert device.state() == state

    @rule()
    def save_as_firecracker_does_from_v1_13_on(self) -> None:
        self.net.thaw(lambda old, new: new.load_state(old.state().prepared_to_save()))
        self.net.device.kick()

    @invariant()
    def nothing_comes_twice_or_out_of_order(self) -> None:
        for way in (self.to_guest, self.to_peer):
            assert way.arrived == way.sent[: len(way.arrived)]
        assert self.net.bench.violations == []

    def teardown(self) -> None:
        """At the end nothing is lost: with buffers enough, all arrives."""
        for _ in range(len(self.to_guest.sent) + len(self.to_peer.sent) + 4):
            self.guest_takes()
            if self.has_all_arrived():
                return
            while self.net.queues[RX_QUEUE].outstanding < 12:
                self.net.queues[RX_QUEUE].offer(self.buffer_size_bytes)
            self.net.notify(RX_QUEUE)
            self.time_passes(self.patience_cycles)
        raise AssertionError(f"lost: {self.to_guest}, {self.to_peer}")

    def has_all_arrived(self) -> bool:
        return all(way.arrived == way.sent for way in (self.to_guest, self.to_peer))


class FrozenAnywhereWithoutMerging(FrozenAnywhere):
    without = (NetFeature.MRG_RXBUF, *SEGMENTED)
    buffer_size_bytes = 1526


class FrozenAnywhereAsOfV1_9(FrozenAnywhere):
    offer = V1_9
    without = (Feature.EVENT_IDX,)
    buffer_size_bytes = 1526


class FrozenAnywhereWithLimits(FrozenAnywhere):
    """A frame that the limiter holds up is half in the guest's buffers."""

    limit = RateLimiterConfig(ops=TokenBucketConfig(size=2, refill_time_ms=200))
    patience_cycles = 210


class FrozenAnywhereWithLimitsAsOfV1_9(FrozenAnywhereWithLimits):
    offer = V1_9
    buffer_size_bytes = 1526


TestFrozenAnywhereWithLimits = FrozenAnywhereWithLimits.TestCase
TestFrozenAnywhereWithLimitsAsOfV1_9 = FrozenAnywhereWithLimitsAsOfV1_9.TestCase
TestFrozenAnywhere = FrozenAnywhere.TestCase
TestFrozenAnywhereWithoutMerging = FrozenAnywhereWithoutMerging.TestCase
TestFrozenAnywhereAsOfV1_9 = FrozenAnywhereAsOfV1_9.TestCase
