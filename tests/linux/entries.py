"""Files of any kind, as they are put into an archive or a file system."""

from __future__ import annotations

import stat
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of any kind.

    Attributes:
        path: where it is, from the root and without a slash before it; folders come first.
        mode: kind and permissions, as `st_mode`.
        data: contents of a file, target of a symbolic link.
        device: major and minor number of a device.
    """

    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def folder(path: str) -> Entry:
    """A folder."""
    return Entry(path, stat.S_IFDIR | 0o755)


def file(path: str, data: bytes) -> Entry:
    """A file that is read."""
    return Entry(path, stat.S_IFREG | 0o644, data)


def program(path: str, data: bytes) -> Entry:
    """A file that can be executed."""
    return Entry(path, stat.S_IFREG | 0o755, data)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def character_device(path: str, major: int, minor: int) -> Entry:
    """A character device."""
    return Entry(path, stat.S_IFCHR | 0o600, device=(major, minor))
