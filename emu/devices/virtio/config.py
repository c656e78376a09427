"""What a user chooses of a virtio device, and what the monitor lets it offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from emu.arch.virtio import DeviceType
from emu.devices.host import Host
from emu.devices.virtio.device import VirtioDevice


@dataclass(frozen=True, slots=True)
class Offer:
    """What a release of a monitor lets one type of device offer.

    Attributes:
        features: mask of the feature bits that it knows. A device offers those of them that its
            user's choices call for.
        queue_size: largest size of each queue, in descriptors.
    """

    features: int
    queue_size: int = 256


class DeviceConfig(Protocol):
    """What a user chooses of one device: each type has its own."""

    @property
    def type(self) -> DeviceType:
        """Which type of device it is."""

    @property
    def id(self) -> str:
        """What tells it from others in a machine."""

    def build(self, host: Host, offer: Offer) -> VirtioDevice:
        """The device.

        Raises:
            BackingError: what stands behind it can't be used.
            BoardError: the monitor does not have it as it was chosen.
        """
