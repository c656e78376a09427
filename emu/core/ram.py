"""Guest RAM: one mapping that the core executes from, devices write to and snapshots copy."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
from pathlib import Path

from emu.errors import GuestError


class Ram:
    """`size_bytes` of memory at guest-physical address `base`.

    It is backed by anonymous memory, or by a private copy-on-write view of a file of at least that
    size, which is never written to.
    """

    def __init__(self, base: int, size_bytes: int, *, backing: Path | None = None) -> None:
        self.base = base
        self.size_bytes = size_bytes
        self._map = _map_file(backing, size_bytes) if backing else mmap.mmap(-1, size_bytes)
        self._view = (ctypes.c_char * size_bytes).from_buffer(self._map)

    @property
    def host_address(self) -> int:
        """Where the memory is mapped in this process; valid while this object lives."""
        return ctypes.addressof(self._view)

    def read(self, address: int, size: int) -> bytes:
        """`size` bytes at guest-physical `address`.

        Raises:
            GuestError: not all of them are RAM.
        """
        offset = self._offset(address, size)
        return self._map[offset : offset + size]

    def write(self, address: int, data: bytes) -> None:
        """Store `data` at guest-physical `address`.

        Raises:
            GuestError: not all of it would go to RAM.
        """
        offset = self._offset(address, len(data))
        self._map[offset : offset + len(data)] = data

    def contents(self) -> bytes:
        """A copy of everything, from `base` on."""
        return self._map[:]

    def digest(self) -> str:
        """SHA-256 of everything, in hex."""
        return hashlib.sha256(self._map).hexdigest()

    def _offset(self, address: int, size: int) -> int:
        offset = address - self.base
        if offset < 0 or offset + size > self.size_bytes:
            raise GuestError(
                f"{size} bytes at guest-physical {address:#x} are not all RAM, which is "
                f"{self.base:#x} to {self.base + self.size_bytes:#x}"
            )
        return offset


def _map_file(path: Path, size_bytes: int) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), size_bytes, access=mmap.ACCESS_COPY)
