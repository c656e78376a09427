"""Extents: ranges of bytes in a file, in ascending order, and what is done with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Extent(NamedTuple):
    """`size_bytes` bytes of a file from `offset` on."""

    offset: int
    size_bytes: int

    @property
    def end(self) -> int:
        """Offset of the first byte behind it."""
        return self.offset + self.size_bytes


def merged(extents: Iterable[Extent]) -> Iterator[Extent]:
    """The same bytes in as few extents as possible; `extents` may touch and overlap.

    >>> list(merged([Extent(0, 2), Extent(2, 2), Extent(8, 4), Extent(9, 1)]))
    [Extent(offset=0, size_bytes=4), Extent(offset=8, size_bytes=4)]
    """
    run: Extent | None = None
    for extent in extents:
        if run is not None and extent.offset <= run.end:
            run = Extent(run.offset, max(run.end, extent.end) - run.offset)
            continue
        if run is not None:
            yield run
        run = extent
    if run is not None:
        yield run


def pieces(extent: Extent, step_bytes: int) -> Iterator[Extent]:
    """`extent` cut at every multiple of `step_bytes`.

    >>> [piece.offset for piece in pieces(Extent(3, 8), 4)]
    [3, 4, 8]
    """
    offset = extent.offset
    while offset < extent.end:
        end = min(extent.end, (offset // step_bytes + 1) * step_bytes)
        yield Extent(offset, end - offset)
        offset = end


def whole_pages(extent: Extent, page_size_bytes: int, file_size_bytes: int) -> Extent:
    """`extent` widened to whole pages; the last page of a file may be a part of one."""
    first, end = page_range(extent, page_size_bytes)
    offset = first * page_size_bytes
    return Extent(offset, min(end * page_size_bytes, file_size_bytes) - offset)


def page_range(extent: Extent, page_size_bytes: int) -> tuple[int, int]:
    """Numbers of the first page that `extent` touches, and of the first behind it."""
    return extent.offset // page_size_bytes, -(-extent.end // page_size_bytes)


def page_count(extents: Iterable[Extent], page_size_bytes: int) -> int:
    """How many pages `extents` touch."""
    count = counted_to = 0
    for extent in extents:
        first, end = page_range(extent, page_size_bytes)
        count += end - max(first, counted_to)
        counted_to = end
    return count
