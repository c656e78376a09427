"""What stands behind the devices of a state file: what its paths and names are here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emu.devices.network.link import Link
from emu.devices.virtio.disk import Disk
from emu.devices.virtio.vsock import Endpoint


def _plain_link(_: str) -> Link:
    return Link()


def _no_endpoints(_: str) -> Mapping[int, Endpoint]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Backings:
    """How what a state file names is found.

    Attributes:
        disk: the disk at a path of the host, which the guest may write to, or not if the second
            argument is True; `BackingError` if there is none.
        link: where the network device leads whose TAP device has this name.
        endpoints: what a guest finds at ports of the host, by port, for the vsock of this socket.
    """

    disk: Callable[[str, bool], Disk]
    link: Callable[[str], Link] = _plain_link
    endpoints: Callable[[str], Mapping[int, Endpoint]] = _no_endpoints
