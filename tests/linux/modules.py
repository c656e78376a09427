"""A kernel's virtio modules, out of its package into an archive that is unpacked as an initramfs.

Debian's kernels have ext4 built in, and of virtio what `modules.builtin` names; what they need
besides is here. depmod runs when a package is installed, so the order is from the modules
themselves: each names those it depends on, in its section `.modinfo`.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import PurePosixPath

from tests.linux import cpio, entries

NAMES = frozenset({
    "virtio", "virtio_ring", "virtio_mmio", "virtio_blk",
    "failover", "net_failover", "virtio_net",
    "vsock", "vmw_vsock_virtio_transport_common", "vmw_vsock_virtio_transport",
    "virtio_balloon", "virtio_rng",
})  # fmt: skip
"""Of some of them a kernel has no file: it has them built in."""

FOLDER = "lib/modules"
ORDER = f"{FOLDER}/order"
"""Lists the modules' files, one a line, each after those that it depends on."""

_FILE = re.compile(r"(?P<name>[^/.]+)\.ko(?P<is_xz>\.xz)?")
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def is_wanted(path: str) -> bool:
    """Whether a file of a kernel's package is one of the modules."""
    return _name(path) in NAMES


def archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """The archive of modules, which are given by their paths in the package."""
    modules = dict(_unpacked(files))
    names = [f"{name}.ko" for name in in_order(modules)]
    return cpio.archive(
        [
            *map(entries.folder, ("lib", FOLDER)),
            *(entries.file(f"{FOLDER}/{name}.ko", data) for name, data in modules.items()),
            entries.file(ORDER, "".join(f"{name}\n" for name in names).encode()),
        ]
    )


def in_order(modules: Mapping[str, bytes]) -> list[str]:
    """The names of `modules`, each after those that it depends on. One that has no file here is
    built in.
    """
    graph = {name: sorted(_dependencies(modules[name])) for name in sorted(modules)}
    return [name for name in TopologicalSorter(graph).static_order() if name in modules]


def _unpacked(files: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """By name, sorted."""
    for path, data in sorted(files):
        yield _name(path), lzma.decompress(data) if path.endswith(".xz") else data


def _dependencies(module: bytes) -> set[str]:
    found = _DEPENDS.search(module)
    names = found[1].decode() if found else ""
    return {_canonical(name) for name in names.split(",") if name}


def _name(path: str) -> str:
    """A module's name by that of its file; "" of a file that is none."""
    found = _FILE.fullmatch(PurePosixPath(path).name)
    return _canonical(found["name"]) if found else ""


def _canonical(name: str) -> str:
    """`virtio-rng` and `virtio_rng` are the same module to the kernel."""
    return name.replace("-", "_")
