"""A memory file open for reading, and all that the operating system has to say about it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from functools import cached_property
from pathlib import Path
from types import TracebackType

from emu.errors import MemoryFileError
from emu.formats.memory.regions import Layout

_STAT_BLOCK_BYTES = 512  # POSIX leaves the unit of st_blocks open; Linux, macOS and BSD have this


class MemoryFile:
    """A memory file, open for reading; a context manager that closes it.

    Attributes:
        path: where it is.
        size_bytes: its size, with its holes, when it was opened.
        allocated_bytes: what it takes on the disk; None where the system does not tell.

    Raises:
        MemoryFileError: it is not there, is not a regular file, or can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for a writer
                raise MemoryFileError(f"{path}: not a regular file; expected a memory file")
            # Unbuffered, because a buffer would read on beyond the end of an extent.
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise self._unreadable(error) from error
        status = os.fstat(self._file.fileno())
        self.size_bytes = status.st_size
        blocks: int | None = getattr(status, "st_blocks", None)
        self.allocated_bytes = None if blocks is None else blocks * _STAT_BLOCK_BYTES

    def __enter__(self) -> MemoryFile:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def read(self, offset: int, size_bytes: int) -> bytes:
        """The bytes at `offset`; those in a hole are zeros.

        Raises:
            MemoryFileError: they are not all there, or can't be read.
        """
        data = bytearray()
        try:
            self._file.seek(offset)
            while len(data) < size_bytes and (part := self._file.read(size_bytes - len(data))):
                data += part
        except OSError as error:
            raise self._unreadable(error) from error
        if len(data) < size_bytes:
            raise self._cut_short(offset + len(data))
        return bytes(data)

    def check_whole(self) -> None:
        """Raise `MemoryFileError` if it was cut short since: what is gone looks like a hole."""
        size_bytes = os.fstat(self._file.fileno()).st_size
        if size_bytes < self.size_bytes:
            raise self._cut_short(size_bytes)

    def read_guest(self, layout: Layout, address: int, size_bytes: int) -> bytes:
        """The bytes at guest-physical `address`.

        Raises:
            MemoryFileError: not all of them are RAM, or the file is too short for `layout`.
        """
        layout.check_size(str(self.path), self.size_bytes)
        extents = list(layout.extents(address, size_bytes))
        return b"".join(self.read(extent.offset, extent.size_bytes) for extent in extents)

    @cached_property
    def knows_holes(self) -> bool:
        """Whether system and file system say where the holes are: Windows never does."""
        if not hasattr(os, "SEEK_DATA"):
            return False
        # Some file systems take what is not on the disk yet for a hole (APFS: coreutils, pull
        # request 68). Where a file can't be flushed there is nothing to flush.
        with contextlib.suppress(OSError):
            os.fsync(self._file.fileno())
        try:
            self._seek(0, os.SEEK_DATA)
        except MemoryFileError:
            return False
        return True

    def next_data(self, offset: int) -> int | None:
        """Offset of the first data from `offset` on; None if there is only a hole.

        Only if `knows_holes`. A file system without holes says that all is data.
        """
        found = self._seek(offset, os.SEEK_DATA)
        return None if found is None or found >= self.size_bytes else found

    def next_hole(self, offset: int) -> int:
        """Offset of the first hole from `offset` on, at last that of the end of the file.

        Only if `knows_holes`.
        """
        found = self._seek(offset, os.SEEK_HOLE)
        return self.size_bytes if found is None else min(found, self.size_bytes)

    def _unreadable(self, error: OSError) -> MemoryFileError:
        return MemoryFileError(f"{self.path}: can't be read: {error.strerror}")

    def _cut_short(self, size_bytes: int) -> MemoryFileError:
        return MemoryFileError(
            f"{self.path}: ends at {size_bytes:,}; it had {self.size_bytes:,} bytes when it was "
            "opened: nothing may write to it meanwhile"
        )

    def _seek(self, offset: int, whence: int) -> int | None:
        """`lseek`; None if there is nothing of the kind up to the end of the file."""
        try:
            return os.lseek(self._file.fileno(), offset, whence)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise self._unreadable(error) from error
            return None
