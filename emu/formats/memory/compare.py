"""Pages in which two memory files differ."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from emu.errors import MemoryFileError
from emu.formats.memory.extents import Extent, merged, pieces, whole_pages
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.sparse import CHUNK_BYTES, Progress, quiet, stored_extents


def differing_pages(
    a: MemoryFile, b: MemoryFile, page_size_bytes: int, progress: Progress = quiet
) -> Iterator[Extent]:
    """Runs of pages in which two memory files differ, in ascending order.

    A hole reads as zeros; what is a hole in both files is not read.

    Raises:
        MemoryFileError: their sizes differ, a file can't be read, or the page size is not positive.
    """
    if page_size_bytes <= 0:
        raise MemoryFileError(f"a page of {page_size_bytes} bytes is none; expected 1 or more")
    if a.size_bytes != b.size_bytes:
        raise MemoryFileError(
            f"{a.path} has {a.size_bytes:,} bytes, {b.path} has {b.size_bytes:,}; only memory "
            "files of one size can be compared"
        )
    return merged(_differing_pages(a, b, page_size_bytes, progress))


def _differing_pages(
    a: MemoryFile, b: MemoryFile, page_size_bytes: int, progress: Progress
) -> Iterator[Extent]:
    step_bytes = max(1, CHUNK_BYTES // page_size_bytes) * page_size_bytes
    done = 0
    for extent in _with_data(a, b, page_size_bytes):
        for chunk in pieces(extent, step_bytes):
            left, right = a.read(*chunk), b.read(*chunk)
            if left != right:
                for page in pieces(chunk, page_size_bytes):
                    part = slice(page.offset - chunk.offset, page.end - chunk.offset)
                    if left[part] != right[part]:
                        yield page
            progress(chunk.end - done)
            done = chunk.end
    progress(a.size_bytes - done)


def _with_data(a: MemoryFile, b: MemoryFile, page_size_bytes: int) -> Iterator[Extent]:
    """The pages that have data in one of two files at least."""
    stored = heapq.merge(stored_extents(a), stored_extents(b))
    return merged(whole_pages(extent, page_size_bytes, a.size_bytes) for extent in stored)
