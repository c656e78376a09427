"""What a network device saves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from emu.arch.virtio_net import MAC_SIZE_BYTES, MTU_MAX, MTU_MIN, RX_QUEUE
from emu.devices.virtio.device import VirtioState
from emu.devices.virtio.rate_limiter import RateLimiterState
from emu.errors import IncompatibleError

FRAME_SIZE_BYTES_MAX = 65562
"""The largest frame with its header, MAX_BUFFER_SIZE of Firecracker: 64 KiB of IP, Ethernet's
header and virtio's."""


@dataclass(slots=True, kw_only=True)
class RxBufferState:
    """How far the buffers are used that the guest gave for received frames, as Firecracker v1.10 to
    v1.12 save it.

    Attributes:
        parsed_descriptor_chains_nr: chains that were taken from the queue, and that no frame is in:
            the last ones before `next_avail`.
        used_descriptors: used entries that are written from `next_used` on, and not yet counted in.
        used_bytes: bytes of the frame in them, with its header; 0 if there is no frame.
    """

    parsed_descriptor_chains_nr: int = 0
    used_descriptors: int = 0
    used_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class NetConfigSpaceState:
    """The configuration space.

    Attributes:
        guest_mac: the MAC address, of 6 bytes; None if the device has none.
        mtu: the largest packet, in bytes, without Ethernet's header; None if the device does not
            say.
    """

    guest_mac: bytes | None = None
    mtu: int | None = None


@dataclass(slots=True, kw_only=True)
class NetState:
    """A network device, as Firecracker names it.

    Attributes:
        id: what tells it from others in a machine.
        tap_if_name: its TAP device on a real host.
        rx_rate_limiter_state: the limiter of received frames.
        tx_rate_limiter_state: the limiter of sent frames.
        config_space: the configuration space.
        rx_buffers_state: how far the buffers for received frames are used.
        virtio: what all types of devices have.
    """

    id: str
    tap_if_name: str
    virtio: VirtioState
    rx_rate_limiter_state: RateLimiterState = field(default_factory=RateLimiterState)
    tx_rate_limiter_state: RateLimiterState = field(default_factory=RateLimiterState)
    config_space: NetConfigSpaceState = field(default_factory=NetConfigSpaceState)
    rx_buffers_state: RxBufferState = field(default_factory=RxBufferState)

    def prepared_to_save(self) -> NetState:
        """The same with nothing in `rx_buffers_state`, as Firecracker from v1.13 on saves it
        (`Net::prepare_save`): a frame that waits in the guest's buffers for its rate limiter is
        given to the guest, and chains that were taken ahead are available again.
        """
        buffers, virtio = self.rx_buffers_state, self.virtio
        rx = virtio.queues[RX_QUEUE]
        settled = replace(
            rx,
            next_avail=rx.next_avail - buffers.parsed_descriptor_chains_nr & 0xFFFF,
            next_used=rx.next_used + buffers.used_descriptors & 0xFFFF,
            num_added=rx.num_added + buffers.used_descriptors & 0xFFFF,
        )
        queues = [settled if n == RX_QUEUE else queue for n, queue in enumerate(virtio.queues)]
        return replace(
            self, virtio=replace(virtio, queues=queues), rx_buffers_state=RxBufferState()
        )

    def check(self) -> None:
        """Raise `IncompatibleError` for what no device can be; `virtio` has a check of its own."""
        where, buffers, config = (
            f"state of the device {self.id}",
            self.rx_buffers_state,
            self.config_space,
        )
        most = self.virtio.queues[RX_QUEUE].size if self.virtio.activated else 0
        bytes_max = FRAME_SIZE_BYTES_MAX if self.virtio.activated else 0
        for name, value, limit in (
            ("parsed_descriptor_chains_nr", buffers.parsed_descriptor_chains_nr, most),
            ("used_descriptors", buffers.used_descriptors, most),
            ("used_bytes", buffers.used_bytes, bytes_max),
        ):
            if not 0 <= value <= limit:
                raise IncompatibleError(f"{where}: {name} is {value}; expected 0 to {limit}")
        if config.guest_mac is not None and len(config.guest_mac) != MAC_SIZE_BYTES:
            raise IncompatibleError(
                f"{where}: guest_mac is of {len(config.guest_mac)} bytes; expected {MAC_SIZE_BYTES}"
            )
        if config.mtu is not None and not MTU_MIN <= config.mtu <= MTU_MAX:
            raise IncompatibleError(
                f"{where}: mtu is {config.mtu}; expected {MTU_MIN} to {MTU_MAX}"
            )
