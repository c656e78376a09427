"""A network device, its driver and its peer."""

from __future__ import annotations

from emu.arch.virtio import NET
from emu.arch.virtio_net import HEADER, RX_QUEUE, TX_QUEUE, NetFeature
from emu.devices.host import Host
from emu.devices.network.link import Link
from emu.devices.virtio.config import Offer
from emu.devices.virtio.net import Net, NetConfig
from emu.devices.virtio.rate_limiter import UNLIMITED, RateLimiterConfig
from tests.devices.network.stations import Station
from tests.devices.virtio.driver import Bench, Driver

MAC = bytes.fromhex("0600ac100002")

_ALWAYS = (
    *("VERSION_1", "EVENT_IDX", "MAC", "CSUM", "GUEST_CSUM", "GUEST_TSO4", "GUEST_TSO6"),
    *("GUEST_UFO", "HOST_TSO4", "HOST_TSO6", "HOST_UFO"),
)
V1_9 = Offer(NET.mask(*_ALWAYS))
V1_10 = Offer(NET.mask(*_ALWAYS, "MRG_RXBUF"))
V1_16 = Offer(NET.mask(*_ALWAYS, "MRG_RXBUF", "MTU"))

SEGMENTED = (NetFeature.GUEST_TSO4, NetFeature.GUEST_TSO6, NetFeature.GUEST_UFO)


class NetBench(Driver[Net]):
    """The driver.

    Args:
        offer: what the monitor has.
        bench: the machine.
        limits: of both directions.
        latency_cycles: of the link to `peer`.
        link: another link, if the device is not to lead to `peer`.
        mtu: what the device says of packets.
    """

    def __init__(
        self,
        offer: Offer = V1_16,
        *,
        bench: Bench | None = None,
        rx_limit: RateLimiterConfig = UNLIMITED,
        tx_limit: RateLimiterConfig = UNLIMITED,
        latency_cycles: int = 0,
        link: Link | None = None,
        mtu: int | None = None,
    ) -> None:
        self.peer = Station()
        self.link = link or Link(self.peer, latency_cycles=latency_cycles)
        config = NetConfig(
            id="eth0",
            link=self.link,
            guest_mac=MAC,
            mtu=mtu,
            rx_rate_limiter=rx_limit,
            tx_rate_limiter=tx_limit,
        )

        def build(host: Host) -> Net:
            return config.build(host, offer)

        super().__init__(bench or Bench(), build)

    @property
    def received(self) -> list[bytes]:
        """The frames that the driver has got since this was asked last, put together and without
        their headers.
        """
        rx = self.queues[RX_QUEUE]
        used = [entry for entry in rx.take_used() if entry.written]
        frames = []
        while used:
            first = rx.content(used[0].head)
            count = HEADER.unpack_from(first)[-1]
            parts, used = used[:count], used[count:]
            whole = b"".join(rx.content(head)[:written] for head, written in parts)
            frames.append(whole[HEADER.size :])
        return frames

    def give(self, *sizes: int) -> None:
        """Make buffers for received frames available, and tell the device."""
        for size in sizes:
            self.queues[RX_QUEUE].offer(size)
        self.notify(RX_QUEUE)

    def send(self, *frames: bytes, header: bytes = bytes(HEADER.size)) -> None:
        """Send frames, with the header in a buffer of its own."""
        for frame in frames:
            self.queues[TX_QUEUE].offer(header, frame)
        self.notify(TX_QUEUE)

    def settle(self) -> None:
        """Let what travels arrive."""
        self.bench.advance(self.link.latency_cycles)

    def arrive(self, *frames: bytes) -> None:
        """Frames of the peer's arrive."""
        self.peer.send(*frames)
        self.settle()

    def thaw_all(self) -> None:
        """Go on with another device in another machine, that has this one's state."""
        self.thaw(lambda old, new: new.load_state(old.state()))


def started(
    offer: Offer = V1_16, *, without: tuple[int, ...] = (), queue_size: int = 16
) -> NetBench:
    """A device without rate limits, and its driver at work."""
    net = NetBench(offer)
    net.start(without=without, queue_size=queue_size)
    return net
