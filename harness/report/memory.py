"""Memory files: what they are made of, and how they differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from emu.formats.memory.rebase import Layer, Rebased
from emu.formats.memory.regions import Layout, Region, Span
from emu.formats.memory.sparse import SCAN_BLOCK_BYTES
from emu.formats.memory.survey import PageView, Survey
from harness.report.text import count, printable


@dataclass(frozen=True, slots=True)
class MemoryDifference:
    """Which pages of two memory files differ, by guest-physical address and by file offset."""

    page_size_bytes: int
    differing_pages: int
    runs: tuple[Span, ...]

    def as_data(self) -> dict[str, Any]:
        """The difference for JSON."""
        return {**dataclasses.asdict(self), "runs": [span._asdict() for span in self.runs]}


# --- one file ----------------------------------------------------------------------------------


def info_lines(view: Survey, layout: Layout | None, extents: Iterable[Span]) -> Iterator[str]:
    """What a memory file is made of, and where the data is in `extents`."""
    yield f"size:    {view.size_bytes:,} bytes ({_size(view.size_bytes)})"
    if view.allocated_bytes is not None:
        yield f"on disk: {view.allocated_bytes:,} bytes"
    yield f"data:    {view.data_bytes:,} bytes in {count(len(view.extents), 'extent')}"
    if view.method == "scan":
        yield f"         (no holes are known; blocks of {SCAN_BLOCK_BYTES:,} zeros are left out)"
    yield f"holes:   {view.size_bytes - view.data_bytes:,} bytes"
    yield from map(_pages_line, view.pages)
    if layout:
        yield from map(_region_line, layout.regions)
        yield f"state:   {_fit(view.size_bytes, layout.size_bytes)}"
    yield from map(_span_line, extents)


def _pages_line(view: PageView) -> str:
    size, fit = _size(view.page_size_bytes), "aligned" if view.aligned else "not aligned"
    return f"pages:   {view.data_pages:,} of {view.pages:,} of {size} have data ({fit})"


def _region_line(region: Region) -> str:
    return f"region:  {region}, {region.size_bytes:,} bytes"


def _fit(size_bytes: int, expected_bytes: int) -> str:
    if size_bytes == expected_bytes:
        return "the file is as large as the regions"
    if size_bytes > expected_bytes:
        return f"the file has {size_bytes - expected_bytes:,} bytes behind the last region"
    return f"the file is {expected_bytes - size_bytes:,} bytes too short for the regions"


# --- layers ------------------------------------------------------------------------------------


def rebase_lines(done: Rebased) -> Iterator[str]:
    """What each diff brought to the base."""
    for layer in done.layers:
        yield f"{printable(str(layer.path))}: {_layer(layer, done.size_bytes)}"
    yield f"{printable(str(done.path))}: written, {done.size_bytes:,} bytes"


def _layer(layer: Layer, size_bytes: int) -> str:
    copied = f"{layer.copied_bytes:,} bytes in {count(layer.extents, 'extent')}"
    if layer.copied_bytes == size_bytes:
        return f"{copied}: it has no holes, so it replaces all that was there"
    return copied


# --- differences -------------------------------------------------------------------------------


def diff_lines(difference: MemoryDifference, size_bytes: int) -> Iterator[str]:
    """Where two memory files of so many bytes differ; nothing if they do not."""
    if difference.runs:
        yield from map(_span_line, difference.runs)
        total = -(-size_bytes // difference.page_size_bytes)
        pages = f"{difference.differing_pages:,} of {total:,} pages"
        yield f"{pages} of {_size(difference.page_size_bytes)} differ"


def snapshot_lines(difference: MemoryDifference) -> Iterator[str]:
    """The same below the differences of two states."""
    if difference.runs:
        yield from map(_snapshot_line, difference.runs)
        pages = f"{difference.differing_pages:,} pages"
        yield f"{pages} of {difference.page_size_bytes:,} bytes differ"


def _snapshot_line(span: Span) -> str:
    where = "behind the regions of the state" if span.address is None else f"{span.address:#x}"
    return f"~ memory {where}  {span.size_bytes:,} bytes, at {span.offset:#x} in the file"


def _span_line(span: Span) -> str:
    where = f"offset {span.offset:#014x}"
    if span.address is not None:
        where = f"{span.address:#018x}  {where}"
    return f"  {where}  {span.size_bytes:,} bytes"


def _size(size_bytes: int) -> str:
    """`size_bytes` in the largest unit that leaves a whole number."""
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size_bytes and size_bytes % (1 << shift) == 0:
            return f"{size_bytes >> shift:,} {unit}"
    return f"{size_bytes:,} B"
