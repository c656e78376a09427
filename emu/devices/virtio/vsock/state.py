"""What a vsock device is made of, as far as a snapshot goes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from emu.devices.virtio.device import VirtioState
from emu.devices.virtio.vsock.connections import LOCAL_PORT_FIRST
from emu.errors import IncompatibleError

_MOST: Final = {"cid": (1 << 64) - 1, "local_port_last": (1 << 32) - 1}


@dataclass(slots=True, kw_only=True)
class VsockState:
    """A vsock device. Its fields are those of Firecracker's `VsockState`, backend and frontend.

    Connections are not among them: they are the monitor's, and no format carries them. A snapshot
    brings a reset of the transport with it, by which the guest learns that they are gone.

    Attributes:
        virtio: what all types have.
        cid: the guest's context ID, 64 bits.
        uds_path: Unix socket of Firecracker's, on its host; carried, and not used.
        local_port_last: the port of the host that was handed out last, 32 bits; in Firecracker's
            files from v1.15 on.
        pending_event_ack: whether the guest has yet to acknowledge a reset of the transport, before
            which it is sent nothing; in the files of Firecracker's main branch.
    """

    virtio: VirtioState
    cid: int
    uds_path: str = ""
    local_port_last: int = LOCAL_PORT_FIRST - 1
    pending_event_ack: bool = False

    def check(self, where: str) -> None:
        """Raise `IncompatibleError` for a value that a device can't hold; `where` it is."""
        for field in fields(self):
            most = _MOST.get(field.name)
            value = getattr(self, field.name)
            if most is not None and not 0 <= value <= most:
                raise IncompatibleError(
                    f"{where}: {field.name} is {value:#x}; expected 0 to {most:#x}"
                )
