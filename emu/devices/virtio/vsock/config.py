"""What a user chooses of a vsock device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from emu.arch.virtio import VSOCK, DeviceType
from emu.arch.vsock import GUEST_CID_MAX, GUEST_CID_MIN, PORT_MAX
from emu.devices.host import Host
from emu.devices.virtio.config import Offer
from emu.devices.virtio.vsock.device import Vsock
from emu.devices.virtio.vsock.stream import Endpoint
from emu.errors import BoardError


@dataclass(frozen=True, slots=True, kw_only=True)
class VsockConfig:
    """A vsock device.

    Attributes:
        cid: the guest's context ID, 3 to 0xffff_fffe.
        endpoints: what the guest finds at ports of the host, by port (32 bits). An endpoint is
            used as it is: two machines of one configuration have the same.
        uds_path: Unix socket that goes into state files of Firecracker; nothing is done with it.
        id: what tells it from others in a machine.
    """

    cid: int = GUEST_CID_MIN
    endpoints: Mapping[int, Endpoint] = field(default_factory=dict, hash=False)
    uds_path: str = "v.sock"
    id: str = "vsock"

    @property
    def type(self) -> DeviceType:
        """See `DeviceConfig.type`."""
        return VSOCK

    def build(self, host: Host, offer: Offer) -> Vsock:
        """The device.

        Raises:
            BoardError: the context ID is reserved, or a port is none.
        """
        if not GUEST_CID_MIN <= self.cid <= GUEST_CID_MAX:
            raise BoardError(
                f"the vsock device {self.id} has the CID {self.cid:#x}; a guest's is "
                f"{GUEST_CID_MIN} to {GUEST_CID_MAX:#x}"
            )
        for port in self.endpoints:
            if not 0 <= port <= PORT_MAX:
                raise BoardError(
                    f"the vsock device {self.id} has an endpoint at port {port:#x}; expected 0 to "
                    f"{PORT_MAX:#x}"
                )
        return Vsock(
            self.id,
            host,
            features=offer.features,
            queue_size=offer.queue_size,
            cid=self.cid,
            endpoints=self.endpoints,
            uds_path=self.uds_path,
        )
