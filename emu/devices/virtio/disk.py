"""What stands behind a block device: memory, a file, or changes over another disk."""

from __future__ import annotations

import hashlib
import os
import stat
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

from emu.errors import BackingError

_BLOCK_BYTES: Final = 4096
_DIGEST_STEP_BYTES: Final = 1 << 20


class Disk(ABC):
    """Bytes that can be read and, unless it is read-only, written.

    Args:
        size_bytes: how many; a guest sees whole sectors of them, so not the last ones if it is no
            multiple of 512.
        is_read_only: whether it can't be written.
        path: the file, for state files that name it; empty if there is none.

    Attributes:
        size_bytes: see above.
        is_read_only: see above.
        path: see above.
    """

    def __init__(self, size_bytes: int, *, is_read_only: bool = False, path: str = "") -> None:
        self.size_bytes = size_bytes
        self.is_read_only = is_read_only
        self.path = path

    def read(self, offset: int, size: int) -> bytes:
        """`size` bytes from byte `offset` on.

        Raises:
            BackingError: there are not so many, or they can't be read.
        """
        self._check(offset, size)
        return self._read(offset, size)

    def write(self, offset: int, data: bytes) -> None:
        """Store `data` from byte `offset` on.

        Raises:
            BackingError: there is no place for so many, or they can't be written.
        """
        self._check(offset, len(data))
        if self.is_read_only:
            raise BackingError(f"{self} is read-only, and {len(data)} bytes are written to it")
        self._write(offset, data)

    @abstractmethod
    def flush(self) -> None:
        """What was written is to outlast a loss of power, as far as the disk can see to that.

        Raises:
            BackingError: it can't.
        """

    def digest(self) -> str:
        """SHA-256 of all bytes, in hex.

        Raises:
            BackingError: they can't be read.
        """
        digest = hashlib.sha256()
        for offset in range(0, self.size_bytes, _DIGEST_STEP_BYTES):
            size = min(_DIGEST_STEP_BYTES, self.size_bytes - offset)
            digest.update(self.read(offset, size))
        return digest.hexdigest()

    def __str__(self) -> str:
        return f"the disk {self.path}" if self.path else "a disk in memory"

    @abstractmethod
    def _read(self, offset: int, size: int) -> bytes:
        """What `read` gives; they are all on the disk."""

    @abstractmethod
    def _write(self, offset: int, data: bytes) -> None:
        """What `write` does; they all are on the disk, which is not read-only."""

    def _check(self, offset: int, size: int) -> None:
        if offset < 0 or offset + size > self.size_bytes:
            raise BackingError(
                f"{size} bytes from byte {offset} on are not all on {self}, which has "
                f"{self.size_bytes}"
            )


class MemoryDisk(Disk):
    """A disk in memory, which goes away with it.

    Args:
        contents: what it holds at first.
    """

    def __init__(self, contents: bytes) -> None:
        super().__init__(len(contents))
        self._contents = bytearray(contents)

    def flush(self) -> None:
        """Nothing outlasts the memory."""

    def _read(self, offset: int, size: int) -> bytes:
        return memoryview(self._contents)[offset : offset + size].tobytes()

    def _write(self, offset: int, data: bytes) -> None:
        self._contents[offset : offset + len(data)] = data


class FileDisk(Disk):
    """A file, or a block device of the host. What is written goes there at once.

    It has the size that it has when it is opened; nothing else may write to it meanwhile.

    Args:
        path: the file.
        is_read_only: whether it is never written; then it need not be writable.

    Raises:
        BackingError: it can't be opened so, or is neither a file nor a block device.
    """

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        try:
            mode = path.stat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
                raise BackingError(
                    f"{path} is to be a disk, and is neither a file nor a block device"
                )
            self._file = path.open("rb" if is_read_only else "r+b", buffering=0)
            size_bytes = self._file.seek(0, os.SEEK_END)
        except (OSError, ValueError) as error:  # ValueError: the path is not one of this system
            how = "read" if is_read_only else "read and written"
            reason = error.strerror if isinstance(error, OSError) else error
            raise BackingError(
                f"{path} is to be a disk that is {how}, and can't be opened so: {reason}"
            ) from error
        super().__init__(size_bytes, is_read_only=is_read_only, path=str(path))

    def flush(self) -> None:
        """Sync the file to the storage that it is on (`fsync`)."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._failed("synced", error) from error

    def close(self) -> None:
        """Close the file; the disk can't be used any more."""
        self._file.close()

    def _read(self, offset: int, size: int) -> bytes:
        data = b""
        try:
            self._file.seek(offset)
            while len(data) < size:
                piece = self._file.read(size - len(data))
                if not piece:
                    raise BackingError(
                        f"{self} ends at byte {offset + len(data)}; it had {self.size_bytes} when "
                        "it was opened, and must not be changed from outside"
                    )
                data += piece
        except OSError as error:
            raise self._failed("read", error) from error
        return data

    def _write(self, offset: int, data: bytes) -> None:
        rest = memoryview(data)
        try:
            self._file.seek(offset)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise self._failed("written", error) from error

    def _failed(self, what: str, error: OSError) -> BackingError:
        return BackingError(f"{self} can't be {what}: {error.strerror}")


class OverlayDisk(Disk):
    """Changes over another disk, which stays as it is.

    So a run leaves no trace on the disk, and the next one finds it the same; clones of a snapshot
    can each have an overlay over one disk, or over the overlay that the snapshot was taken with, to
    which nothing may be written then.

    Args:
        below: the disk below.
    """

    def __init__(self, below: Disk) -> None:
        super().__init__(below.size_bytes, path=below.path)
        self._below = below
        self._blocks: dict[int, bytearray] = {}

    def flush(self) -> None:
        """The changes are in memory; nothing outlasts that."""

    def copy(self) -> OverlayDisk:
        """Another overlay over the same disk, with the same changes so far."""
        copied = OverlayDisk(self._below)
        copied._blocks = {number: bytearray(block) for number, block in self._blocks.items()}
        return copied

    def _read(self, offset: int, size: int) -> bytes:
        touched = [n for n in _block_numbers(offset, size) if n in self._blocks]
        if not touched:
            return self._below.read(offset, size)
        data = bytearray(self._below.read(offset, size))
        for number in touched:
            block, start = self._blocks[number], number * _BLOCK_BYTES - offset
            hidden = max(0, -start)
            end = min(start + len(block), size)
            data[start + hidden : end] = block[hidden : end - start]
        return bytes(data)

    def _write(self, offset: int, data: bytes) -> None:
        for number in _block_numbers(offset, len(data)):
            start = number * _BLOCK_BYTES
            block = self._block(number)
            first = max(0, offset - start)
            piece = data[start + first - offset : start + len(block) - offset]
            block[first : first + len(piece)] = piece

    def _block(self, number: int) -> bytearray:
        """A block that can be changed."""
        if number not in self._blocks:
            start = number * _BLOCK_BYTES
            size = min(_BLOCK_BYTES, self.size_bytes - start)
            self._blocks[number] = bytearray(self._below.read(start, size))
        return self._blocks[number]


def _block_numbers(offset: int, size: int) -> range:
    return range(offset // _BLOCK_BYTES, -(-(offset + size) // _BLOCK_BYTES))
