"""What a memory file is made of: data and holes, and the pages that have data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from emu.formats.memory.extents import Extent, page_count
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.sparse import Method, Progress, best_method, data_extents, quiet

PAGE_SIZES_BYTES = (4 << 10, 16 << 10, 2 << 20)
"""Firecracker's page on most hosts; squib's page; squib's unit of dirty tracking."""


@dataclass(frozen=True, slots=True)
class PageView:
    """The file as pages of one size.

    Attributes:
        page_size_bytes: the size of a page.
        pages: how many the file has; the last may be a part of one.
        data_pages: how many of them have data.
        aligned: whether every extent begins and ends between pages.
    """

    page_size_bytes: int
    pages: int
    data_pages: int
    aligned: bool


@dataclass(frozen=True, slots=True)
class Survey:
    """A memory file.

    Attributes:
        path: where it is.
        size_bytes: its size, with its holes.
        allocated_bytes: what it takes on the disk; None where the system does not tell.
        method: how its data was found.
        data_bytes: size of all extents.
        extents: where it has data.
        pages: the same, as pages of each of `PAGE_SIZES_BYTES`.
    """

    path: Path
    size_bytes: int
    allocated_bytes: int | None
    method: Method
    data_bytes: int
    extents: tuple[Extent, ...]
    pages: tuple[PageView, ...]


def survey(path: Path, progress: Progress = quiet) -> Survey:
    """Find the data of a memory file; holes are not read.

    Raises:
        MemoryFileError: it can't be read.
    """
    with MemoryFile(path) as file:
        method = best_method(file)
        extents, done = [], 0
        for extent in data_extents(file, method):
            extents.append(extent)
            progress(extent.end - done)
            done = extent.end
        progress(file.size_bytes - done)
        return Survey(
            path=path,
            size_bytes=file.size_bytes,
            allocated_bytes=file.allocated_bytes,
            method=method,
            data_bytes=sum(extent.size_bytes for extent in extents),
            extents=tuple(extents),
            pages=tuple(_pages(extents, file.size_bytes, size) for size in PAGE_SIZES_BYTES),
        )


def _pages(extents: list[Extent], file_size_bytes: int, page_size_bytes: int) -> PageView:
    return PageView(
        page_size_bytes=page_size_bytes,
        pages=-(-file_size_bytes // page_size_bytes),
        data_pages=page_count(extents, page_size_bytes),
        aligned=all(
            extent.offset % page_size_bytes == 0
            and (extent.end % page_size_bytes == 0 or extent.end == file_size_bytes)
            for extent in extents
        ),
    )
