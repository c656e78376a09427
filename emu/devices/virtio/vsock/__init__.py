"""Vsock: sockets between the guest and its host, which is what a test puts there.

`config` is what a user chooses, `device` the device; `connections` are all its connections,
`connection` is one of them, `credit` what either end of one may send. `stream` is what the host's
end looks like, `endpoints` are ready-made uses of it, and `specs` reads one from a text.
"""

from emu.devices.virtio.vsock.config import VsockConfig
from emu.devices.virtio.vsock.device import Vsock
from emu.devices.virtio.vsock.endpoints import Collect, Discard, Echo, Feed, ToFile
from emu.devices.virtio.vsock.specs import parse_endpoint
from emu.devices.virtio.vsock.state import VsockState
from emu.devices.virtio.vsock.stream import Endpoint, Stream

__all__ = [
    "Collect",
    "Discard",
    "Echo",
    "Endpoint",
    "Feed",
    "Stream",
    "ToFile",
    "Vsock",
    "VsockConfig",
    "VsockState",
    "parse_endpoint",
]
