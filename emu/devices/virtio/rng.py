"""Virtio entropy device: random numbers for the guest.

Sources: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 5.4; limits as in Firecracker v1.16.1,
`src/vmm/src/devices/virtio/rng/device.rs`. Before v1.14.4 and v1.15.1 Firecracker
fills a buffer whatever its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emu.arch.virtio import RNG, DeviceType
from emu.devices.host import Host
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.config import Offer
from emu.devices.virtio.device import VirtioDevice, VirtioState
from emu.devices.virtio.rate_limiter import (
    UNLIMITED,
    RateLimiter,
    RateLimiterConfig,
    RateLimiterState,
)
from emu.errors import MachineError

REQUEST_SIZE_MAX_BYTES: Final = 64 << 10
"""Of a larger request so much is filled, and the driver told so."""

_QUEUE: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RngConfig:
    """What a user chooses of an entropy device.

    Attributes:
        id: what tells it from others in a machine.
        rate_limiter: how much the guest can draw, by the size of what it asks for.
    """

    id: str = "rng"
    rate_limiter: RateLimiterConfig = UNLIMITED

    @property
    def type(self) -> DeviceType:
        """An entropy device."""
        return RNG

    def build(self, host: Host, offer: Offer) -> Rng:
        """The device."""
        return Rng(self.id, host, offer, rate_limiter=self.rate_limiter)


@dataclass(slots=True, kw_only=True)
class RngState:
    """An entropy device, as Firecracker saves it (`rng/persist.rs`).

    Attributes:
        virtio: what all virtio devices have.
        rate_limiter_state: its limiter.
    """

    virtio: VirtioState
    rate_limiter_state: RateLimiterState


class Rng(VirtioDevice):
    """An entropy device: it fills the buffers of its one queue from the host's entropy.

    Args:
        name: its id.
        host: the machine.
        offer: what its monitor lets it offer.
        rate_limiter: how much the guest can draw.
    """

    type = RNG

    def __init__(
        self, name: str, host: Host, offer: Offer, *, rate_limiter: RateLimiterConfig
    ) -> None:
        super().__init__(name, host, features=offer.features, queue_sizes=[offer.queue_size])
        self._limiter = RateLimiter(host, rate_limiter, self._unblocked)

    def process(self, queue: int) -> None:
        """Fill what is available, as far as the limiter lets it; the rest when it does again."""
        if not self._limiter.is_blocked:
            self.drain(queue, self._fill)

    def state(self) -> RngState:
        """A copy of the device's state."""
        return RngState(
            virtio=self.virtio_state(),
            rate_limiter_state=self._limiter.state(),
        )

    def load_state(self, state: RngState) -> None:
        """Become `state`. Nothing is filled before the queue is looked at.

        Raises:
            IncompatibleError: a value does not fit, or the state is of a device with other queues.
        """
        self.load_virtio_state(state.virtio)
        self._limiter.load_state(state.rate_limiter_state)

    def _fill(self, chain: Chain) -> int | None:
        """Fill the buffers of a request: with how many bytes; None if the limiter forbids it."""
        if chain.readable:
            self.tell_violation(
                f"the chain with head {chain.head} has buffers that can't be written (virtio 1.2, "
                "5.4.6.1)"
            )
            return 0
        if not self._limiter.consume(chain.writable_size_bytes):
            return None
        return chain.write(self._draw(min(chain.writable_size_bytes, REQUEST_SIZE_MAX_BYTES)))

    def _draw(self, size_bytes: int) -> bytes:
        drawn = self.host.entropy(size_bytes) if size_bytes else b""
        if len(drawn) != size_bytes:
            raise MachineError(
                f"the entropy device {self.name}: the entropy source gave {len(drawn)} bytes where "
                f"{size_bytes} were asked for; pass entropy=f with len(f(n)) == n"
            )
        return drawn

    def _unblocked(self) -> None:
        self.guarded(lambda: self.process(_QUEUE))
