"""Where a memory file has data, and where holes; copying and writing with holes.

In a diff a hole means "as in the base" and data means "this", zeros included. Only the file system
knows which is which. The extents it gives may be larger than what was written: it keeps no hole
smaller than its unit of allocation, which is mostly 4 KiB, but 128 KiB on ZFS and 16 MiB on
APFS (libarchive, `test_sparse_basic.c`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from emu.errors import MemoryFileError
from emu.formats.atomic import Data, replacing
from emu.formats.memory.extents import Extent, merged, pieces
from emu.formats.memory.file import MemoryFile

Method = Literal["seek", "scan"]
"""How to find data.

seek: ask the file system (SEEK_DATA, SEEK_HOLE).
scan: take every block of `SCAN_BLOCK_BYTES` zeros for a hole. It works everywhere, and can't tell
    a page that the guest has cleared from one that it has not touched.
"""

SCAN_BLOCK_BYTES = 4096
CHUNK_BYTES = 1 << 20
"""The most that is read at once."""

_ZEROS = bytes(CHUNK_BYTES)

Progress = Callable[[int], None]
"""Is told how many bytes of a file, its holes included, are done since the last call."""


def quiet(_size_bytes: int) -> None:
    """Progress that nobody watches."""


def best_method(file: MemoryFile) -> Method:
    """`seek` where the file system answers, else `scan`."""
    return "seek" if file.knows_holes else "scan"


def data_extents(file: MemoryFile, method: Method | None = None) -> Iterator[Extent]:
    """Where `file` has data, in ascending order.

    Args:
        file: the memory file.
        method: how to find out; by default `best_method`.

    Raises:
        MemoryFileError: the method is `seek`, and this file system does not answer; or the file
            can't be read, or was cut short meanwhile.
    """
    if (method or best_method(file)) == "scan":
        return merged(_nonzero_blocks(file))
    if not file.knows_holes:
        raise MemoryFileError(
            f"{file.path}: this system or file system does not say where the holes of a file are, "
            "so an untouched page looks like one of zeros; work where the file was written, or "
            "scan it (--scan), which takes every block of zeros for a hole"
        )
    return stored_extents(file)


def stored_extents(file: MemoryFile) -> Iterator[Extent]:
    """What the file system stores; the whole file if it does not tell.

    Raises:
        MemoryFileError: the file was cut short meanwhile.
    """
    if not file.knows_holes:
        if file.size_bytes:
            yield Extent(0, file.size_bytes)
        return
    end = 0
    while (start := file.next_data(end)) is not None:
        end = file.next_hole(start)
        yield Extent(start, end - start)
    file.check_whole()


def _nonzero_blocks(file: MemoryFile) -> Iterator[Extent]:
    for stored in stored_extents(file):
        for chunk in pieces(stored, CHUNK_BYTES):
            data = file.read(*chunk)
            if data == _ZEROS[: len(data)]:
                continue
            for block in pieces(chunk, SCAN_BLOCK_BYTES):
                start = block.offset - chunk.offset
                if data[start : start + block.size_bytes] != _ZEROS[: block.size_bytes]:
                    yield block


def copy_extents(
    source: MemoryFile,
    target: BinaryIO,
    extents: Iterable[Extent],
    progress: Progress = quiet,
) -> list[Extent]:
    """Copy `extents` of `source` to the same offsets of `target`; what was copied.

    Raises:
        MemoryFileError: `source` can't be read.
        OSError: `target` can't be written.
    """
    copied, done = [], 0
    for extent in extents:
        for chunk in pieces(extent, CHUNK_BYTES):
            target.seek(chunk.offset)
            target.write(source.read(*chunk))
            progress(chunk.end - done)
            done = chunk.end
        copied.append(extent)
    progress(source.size_bytes - done)
    return copied


def write_sparse(path: Path, size_bytes: int, parts: Iterable[tuple[int, Data]]) -> None:
    """Write a diff: a file of `size_bytes` with `parts` at their offsets and holes elsewhere.

    Parts of zeros are written too; of parts that overlap the later one holds. The file appears
    whole or not at all. Where the file system has no holes, the rest is zeros.

    Raises:
        MemoryFileError: a part is not all inside the file.
        OSError: the file can't be written.
    """
    with replacing(path) as file:
        file.truncate(size_bytes)
        for offset, data in parts:
            if offset < 0 or offset + len(data) > size_bytes:
                raise MemoryFileError(
                    f"{path}: {len(data):,} bytes at offset {offset:#x} do not fit into a memory "
                    f"file of {size_bytes:,} bytes"
                )
            file.seek(offset)
            file.write(data)
