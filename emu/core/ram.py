"""Guest RAM: one mapping that the core executes from, devices write to and snapshots copy."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
from collections.abc import Callable
from pathlib import Path

from emu.errors import GuestError, MemoryFileError

_BLOCK_BYTES = 0x1_0000
_ZEROS = bytes(_BLOCK_BYTES)


class Ram:
    """`size_bytes` of memory at guest-physical address `base`.

    It is backed by anonymous memory, or by a private copy-on-write view of a file of at least that
    size, which is never written to.

    Args:
        base: guest-physical address of its first byte.
        size_bytes: its size.
        contents: what it holds at first, from `base` on; zeros by default.
        backing: the file that it is a view of, in place of `contents`.

    Attributes:
        on_write: told address and size of what a device or a monitor has written, if not None; the
            guest's own stores are not told.

    Raises:
        MemoryFileError: the file can't be read, or is smaller than `size_bytes`.
        GuestError: `contents` are larger than `size_bytes`.
    """

    def __init__(
        self, base: int, size_bytes: int, *, contents: bytes = b"", backing: Path | None = None
    ) -> None:
        self.base = base
        self.size_bytes = size_bytes
        self.on_write: Callable[[int, int], None] | None = None
        self._map = _map_file(backing, size_bytes) if backing else mmap.mmap(-1, size_bytes)
        self._view = (ctypes.c_char * size_bytes).from_buffer(self._map)
        self._fill(contents)

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
        if self.on_write is not None:
            self.on_write(address, len(data))

    def contents(self) -> bytes:
        """A copy of everything, from `base` on."""
        return self._map[:]

    def digest(self) -> str:
        """SHA-256 of everything, in hex."""
        return hashlib.sha256(self._map).hexdigest()

    def _fill(self, contents: bytes) -> None:
        """Store `contents` into fresh memory, where blocks of zeros need not be touched."""
        for start in range(0, len(contents), _BLOCK_BYTES):
            block = contents[start : start + _BLOCK_BYTES]
            if block != _ZEROS:
                self.write(self.base + start, block)

    def _offset(self, address: int, size: int) -> int:
        offset = address - self.base
        if offset < 0 or offset + size > self.size_bytes:
            raise GuestError(
                f"{size} bytes at guest-physical {address:#x} are not all RAM, which is "
                f"{self.base:#x} to {self.base + self.size_bytes:#x}"
            )
        return offset


def _map_file(path: Path, size_bytes: int) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), size_bytes, access=mmap.ACCESS_COPY)
    except (OSError, ValueError) as error:
        raise MemoryFileError(
            f"{path} can't be mapped as {size_bytes} bytes of RAM: {error}"
        ) from error
