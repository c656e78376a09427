"""Writes archives in cpio's format "newc", which is what the kernel unpacks as its initramfs.

Source: Linux v6.12, `Documentation/driver-api/early-userspace/buffer-format.rst`. The archive
depends on nothing but what is in it: times are 0, the owner is root, and inodes are counted.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.linux.entries import Entry

_MAGIC = b"070701"
_ALIGNMENT = 4
_TRAILER = "TRAILER!!!"


def archive(entries: Iterable[Entry]) -> bytes:
    """The archive of `entries`, in their order."""
    members = [_member(inode, entry) for inode, entry in enumerate(entries, start=1)]
    return b"".join([*members, _member(0, Entry(_TRAILER, 0))])


def _member(inode: int, entry: Entry) -> bytes:
    name = entry.path.encode() + b"\0"
    numbers = {
        "ino": inode,
        "mode": entry.mode,
        "uid": 0,
        "gid": 0,
        "nlink": 1,
        "mtime": 0,
        "filesize": len(entry.data),
        "maj": 0,
        "min": 0,
        "rmaj": entry.device[0],
        "rmin": entry.device[1],
        "namesize": len(name),
        "chksum": 0,
    }
    header = _MAGIC + b"".join(b"%08X" % number for number in numbers.values())
    return _padded(header + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
