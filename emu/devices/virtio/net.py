"""Virtio network device, behind which there is a network in memory (`emu.devices.network`).

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, section 5.1. Where it leaves a choice, the
device does as Firecracker v1.9.0 to v1.16.1 do (`src/vmm/src/devices/virtio/net/device.rs`):

* A monitor that offers MRG_RXBUF takes all chains of the receive queue ahead, as Firecracker does
  from v1.10 on, which brought both: `next_avail` runs ahead of the frames. Without that, up to
  v1.9, chains are taken when a frame needs them. A chain that was taken ahead is looked at when its
  turn comes, in guest memory; Firecracker looks once, when it takes it.
* Where chains are taken ahead, a frame is written to the guest's buffers and then asked of the rate
  limiter; while that is blocked, its used entries are written and not counted. Without, the limiter
  comes first.
* A chain that can't be used is given back with no bytes, and the frame goes to the next: one that
  is readable, not in RAM, or too small (for a header with MRG_RXBUF; without, for the sizes of
  5.1.6.3.1, or for this frame where chains are not taken ahead). So is one to be sent that is
  writable, not in RAM, larger than 65562 bytes, or no frame.
* The driver may write the MAC address; that is the device's MAC address from then on.

Where it differs:

* A TAP device passes on frames whose checksum or segmentation is left to others. Here the device
  finishes them before they leave, so that any peer takes them. Frames to the guest are always
  finished, and `num_buffers` is always set (v1.9 leaves it 0).
* Firecracker waits for room for the largest frame; here a frame that fits is received. If there is
  no room it waits in the link, with those behind it; how many wait there says `network.link`.
* A frame that is longer than a chain of the size that it has to be is dropped where Firecracker
  cuts it off (without MRG_RXBUF).
* v1.9 keeps a frame that its rate limiter holds up, and loses it with a snapshot. Here it stays in
  the link.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from emu.arch.virtio import NET, DeviceType
from emu.arch.virtio_net import (
    CONFIG,
    MAC_SIZE_BYTES,
    MTU_MAX,
    MTU_MIN,
    RX_QUEUE,
    TX_QUEUE,
)
from emu.core.events import FrameSent
from emu.devices.host import Host
from emu.devices.network.link import Link
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.config import Offer
from emu.devices.virtio.device import VirtioDevice
from emu.devices.virtio.net_frames import finished_frames
from emu.devices.virtio.net_rx import Receiver
from emu.devices.virtio.net_state import (
    FRAME_SIZE_BYTES_MAX,
    NetConfigSpaceState,
    NetState,
    RxBufferState,
)
from emu.devices.virtio.rate_limiter import UNLIMITED, RateLimiter, RateLimiterConfig
from emu.errors import BoardError, DriverError, IncompatibleError


@dataclass(frozen=True, slots=True, kw_only=True)
class NetConfig:
    """What a user chooses of a network device.

    Attributes:
        id: what tells it from others in a machine.
        link: where it leads.
        guest_mac: its MAC address, of 6 bytes; None if the guest is to choose one.
        mtu: the largest packet, in bytes, without Ethernet's header; None to leave it to the guest.
        tap_if_name: what state files have as its TAP device.
        rx_rate_limiter: limits received frames.
        tx_rate_limiter: limits sent frames.
    """

    type: ClassVar[DeviceType] = NET

    id: str
    link: Link = field(default_factory=Link)
    guest_mac: bytes | None = None
    mtu: int | None = None
    tap_if_name: str = "tap0"
    rx_rate_limiter: RateLimiterConfig = UNLIMITED
    tx_rate_limiter: RateLimiterConfig = UNLIMITED

    def build(self, host: Host, offer: Offer) -> Net:
        """The device, with the link plugged into it.

        Raises:
            BoardError: the MAC address or the MTU is none, or the monitor does not know of it.
        """
        mac, mtu = self.guest_mac, self.mtu
        if mac is not None and len(mac) != MAC_SIZE_BYTES:
            raise BoardError(
                f"'{self.id}': the MAC address has {len(mac)} bytes; expected {MAC_SIZE_BYTES}"
            )
        if mtu is not None and not MTU_MIN <= mtu <= MTU_MAX:
            raise BoardError(f"'{self.id}': the MTU is {mtu}; expected {MTU_MIN} to {MTU_MAX}")
        denied = self._called_for() & ~offer.features
        if denied:
            names = ", ".join(NET.feature_names(denied))
            raise BoardError(f"'{self.id}' needs {names}, which the monitor does not know of")
        return Net(self, host, offer)

    def features(self, offer: Offer) -> int:
        """The features that the device offers."""
        return offer.features & ~NET.mask("MAC", "MTU") | self._called_for()

    def _called_for(self) -> int:
        chosen = {"MAC": self.guest_mac, "MTU": self.mtu}
        return NET.mask(*(name for name, value in chosen.items() if value is not None))


class Net(VirtioDevice):
    """The device.

    Args:
        config: what its user chose.
        host: the machine.
        offer: what the monitor lets it offer.
    """

    type = NET

    def __init__(self, config: NetConfig, host: Host, offer: Offer) -> None:
        sizes = [offer.queue_size] * 2
        super().__init__(config.id, host, features=config.features(offer), queue_sizes=sizes)
        self._knows_mtu = bool(offer.features & NET.mask("MTU"))
        self._tap_if_name = config.tap_if_name
        self._config = NetConfigSpaceState(guest_mac=config.guest_mac, mtu=config.mtu)
        self._port = config.link.plug(self, host)
        self._tx_limiter = RateLimiter(host, config.tx_rate_limiter, self._go_on_sending)
        self._receiver = Receiver(
            self,
            self._port,
            RateLimiter(host, config.rx_rate_limiter, self.frames_wait),
            takes_ahead=bool(offer.features & NET.mask("MRG_RXBUF")),
        )

    # --- state -------------------------------------------------------------------------------

    def state(self) -> NetState:
        """A copy of the device's state. What travels or waits in the link is not part of it."""
        return NetState(
            id=self.name,
            tap_if_name=self._tap_if_name,
            rx_rate_limiter_state=self._receiver.limiter.state(),
            tx_rate_limiter_state=self._tx_limiter.state(),
            config_space=replace(self._config),
            rx_buffers_state=replace(self._receiver.buffers),
            virtio=self.virtio_state(),
        )

    def load_state(self, state: NetState) -> None:
        """Become `state`; no frame is received or sent, and no interrupt raised.

        Raises:
            IncompatibleError: `state` is none that this device can have.
        """
        self._check_state(state)
        self.load_virtio_state(state.virtio)
        self._tap_if_name = state.tap_if_name
        self._config = replace(state.config_space)
        self._receiver.buffers = replace(state.rx_buffers_state)
        self._receiver.limiter.load_state(state.rx_rate_limiter_state)
        self._tx_limiter.load_state(state.tx_rate_limiter_state)

    # --- for the transport -------------------------------------------------------------------

    @property
    def config_space(self) -> bytes:
        """The MAC address and, if the monitor knows of it, what follows up to the MTU."""
        space = CONFIG.pack(self._config.guest_mac or b"", 0, 0, self._config.mtu or 0)
        return space if self._knows_mtu else space[:MAC_SIZE_BYTES]

    def write_config(self, offset: int, data: bytes) -> None:
        """The driver writes to the configuration space: to the MAC address it may."""
        if offset + len(data) > MAC_SIZE_BYTES:
            super().write_config(offset, data)
            return
        mac = bytearray(self.config_space[:MAC_SIZE_BYTES])
        mac[offset : offset + len(data)] = data
        self._config.guest_mac = bytes(mac)

    def activate(self) -> None:
        """The driver starts the device: frames may wait for it."""
        super().activate()
        if self._port.waiting() is not None:
            self.frames_wait()

    def reset(self) -> None:
        """The driver resets the device; it loses a frame that was not given to it yet."""
        super().reset()
        self._receiver.buffers = RxBufferState()

    def kick(self) -> None:
        """Look at both queues, and let the driver see received frames that a monitor counted in
        before it was frozen (`NetState.prepared_to_save`).
        """
        if self.queues[RX_QUEUE].is_enabled:
            self.guarded(lambda: self.queues[RX_QUEUE].publish_used(0))
        super().kick()

    def process(self, queue: int) -> None:
        """The driver may have made buffers available in this queue."""
        if queue == RX_QUEUE:
            self._receiver.receive()
        else:
            self._send()

    # --- for the link ------------------------------------------------------------------------

    def frames_wait(self) -> None:
        """A frame waits to be taken from the link, or may be taken at last."""
        self.guarded(self._receiver.receive)

    # --- sending -----------------------------------------------------------------------------

    def _go_on_sending(self) -> None:
        self.guarded(self._send)

    def _send(self) -> None:
        if self.queues[TX_QUEUE].is_enabled:
            self.drain(TX_QUEUE, self._send_chain)

    def _send_chain(self, chain: Chain) -> int | None:
        try:
            data = _sent(chain)
            if not self._tx_limiter.consume(len(data)):
                return None
            frames = finished_frames(data, self.acked_features)
        except DriverError as error:
            self.tell_violation(str(error))
            return 0
        for frame in frames:
            if self.host.events.active:
                self.host.events.emit(FrameSent(self.name, len(frame)))
            self._port.send(frame)
        return 0

    # --- inside ------------------------------------------------------------------------------

    def _check_state(self, state: NetState) -> None:
        state.check()
        where = f"state of the device {self.name}"
        if state.id != self.name:
            raise IncompatibleError(f"{where}: it is that of {state.id}")
        if state.rx_buffers_state.parsed_descriptor_chains_nr and not self._receiver.takes_ahead:
            raise IncompatibleError(
                f"{where}: receive buffers were taken ahead, which this monitor does not do"
            )
        if state.config_space.mtu is not None and not self._knows_mtu:
            raise IncompatibleError(f"{where}: it has an MTU, which this monitor does not know of")


def _sent(chain: Chain) -> bytes:
    """Header and frame of a chain that the driver sends.

    Raises:
        DriverError: it can't be read, or is too large for a frame.
    """
    if chain.writable:
        raise DriverError(f"the chain with head {chain.head} is sent, and the device may write it")
    if chain.readable_size_bytes > FRAME_SIZE_BYTES_MAX:
        raise DriverError(
            f"the chain with head {chain.head} is sent, of {chain.readable_size_bytes} bytes; "
            f"expected {FRAME_SIZE_BYTES_MAX} at most"
        )
    return chain.read()
