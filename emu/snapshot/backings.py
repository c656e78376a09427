"""What stands behind the devices of a machine that is thawed.

A state does not have it: the bytes of a disk, the network, the host's ends of sockets. A drive's
state names its file, which is taken if the user names nothing else; it stays as it is, under an
overlay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emu.arch.virtio import BLOCK, NET
from emu.devices.network.link import Link
from emu.devices.virtio.disk import Disk, FileDisk, OverlayDisk
from emu.devices.virtio.vsock import Endpoint
from emu.errors import BackingError, IncompatibleError


def overlay_of(path: str) -> Disk:
    """The file at a path of the host, which stays as it is; `BackingError` if there is none."""
    return OverlayDisk(FileDisk(Path(path), is_read_only=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backings:
    """What stands behind devices.

    Attributes:
        drives: disks by the id of their block device, in place of the files that states name.
        links: links by the id of their network device; others lead nowhere.
        endpoints: what the guest finds at ports of the host, by vsock.
        file: the disk at a path that a state names.
    """

    drives: Mapping[str, Disk] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    endpoints: Mapping[int, Endpoint] = field(default_factory=dict)
    file: Callable[[str], Disk] = overlay_of

    def disk(self, name: str, path: str) -> Disk:
        """The disk of a drive whose state names the file at `path`.

        Raises:
            BackingError: there is none.
        """
        if name in self.drives:
            return self.drives[name]
        if not path:
            raise BackingError(
                f"the state of the drive '{name}' names no file: it was in memory; pass its disk, "
                f"drives={{'{name}': …}}"
            )
        try:
            return self.file(path)
        except BackingError as error:
            raise BackingError(
                f"the drive '{name}': {error}; pass another disk, drives={{'{name}': …}}"
            ) from None

    def link(self, name: str) -> Link:
        """Where a network device leads."""
        return self.links.get(name) or Link()

    def check_named(self, there: Iterable[tuple[str, str]]) -> None:
        """Raise `IncompatibleError` for a drive or a network device that there is not.

        Args:
            there: type, by name, and id of each device.
        """
        ids: dict[str, list[str]] = {}
        for kind, name in there:
            ids.setdefault(kind, []).append(name)
        for kind, named in ((BLOCK.name, self.drives), (NET.name, self.links)):
            for name in named:
                if name not in ids.get(kind, []):
                    found = ", ".join(ids.get(kind, [])) or "none"
                    raise IncompatibleError(f"the snapshot has no {kind} '{name}'; it has {found}")
