"""The commands on memory files."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from emu.formats.memory.compare import differing_pages
from emu.formats.memory.extents import Extent, page_count
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.rebase import Layer, Rebased
from emu.formats.memory.rebase import rebase as rebase_files
from emu.formats.memory.regions import Layout, Region, Span
from emu.formats.memory.sparse import SCAN_BLOCK_BYTES, Method, Progress, quiet
from emu.formats.memory.survey import PageView, Survey, survey
from harness.files import naming, opened
from harness.text import printable


def layout_of_state(path: Path | None, as_id: str | None) -> Layout | None:
    """The memory regions of a state file, if there is one; raises `SnapshotError` or `OSError`."""
    if path is None:
        return None
    with naming(path):
        state = opened(path, as_id)
        return Layout(state.format.regions(state.snapshot.data))


def info(path: Path, layout: Layout | None, *, list_extents: bool, as_json: bool) -> None:
    """Print what the memory file `path` is made of.

    Raises `SnapshotError`, also if the file is too short for `layout`.
    """
    with _bar("reading", path) as progress:
        view = survey(path, progress)
    if as_json:
        _print_json(_info_json(view, layout))
    else:
        _print_lines(_info_lines(view, layout, list_extents=list_extents))
    if layout:
        layout.check_size(str(path), view.size_bytes)


def rebase(
    base: Path, diffs: Sequence[Path], output: Path | None, *, scan: bool, as_json: bool
) -> None:
    """Lay `diffs` onto `base` and print what each brought; raises `SnapshotError` or `OSError`."""
    method: Method = "scan" if scan else "seek"
    with _bar("copying", base, *diffs) as progress:
        done = rebase_files(base, diffs, output, method=method, progress=progress)
    if as_json:
        _print_json(dataclasses.asdict(done))
    else:
        _print_lines(_rebase_lines(done))


def diff(a: Path, b: Path, layout: Layout | None, page_size_bytes: int, *, as_json: bool) -> bool:
    """Print the pages in which two memory files differ; whether they do. Raises `SnapshotError`."""
    with MemoryFile(a) as file_a, MemoryFile(b) as file_b, _bar("comparing", a) as progress:
        size_bytes = file_a.size_bytes
        if layout:
            layout.check_size(str(a), size_bytes)
        runs = list(differing_pages(file_a, file_b, page_size_bytes, progress))
    spans = list(_spans(runs, layout))
    pages = page_count(runs, page_size_bytes)
    if as_json:
        _print_json(
            {
                "size_bytes": size_bytes,
                "page_size_bytes": page_size_bytes,
                "differing_pages": pages,
                "runs": [span._asdict() for span in spans],
            }
        )
    elif runs:
        _print_lines(_span_line(span) for span in spans)
        total = -(-size_bytes // page_size_bytes)
        _print_lines([f"{pages:,} of {total:,} pages of {_size(page_size_bytes)} differ"])
    return bool(runs)


# --- what is printed -------------------------------------------------------------------------


def _info_json(view: Survey, layout: Layout | None) -> dict[str, Any]:
    return {
        **dataclasses.asdict(view),
        "extents": [span._asdict() for span in _spans(view.extents, layout)],
        "regions": [dataclasses.asdict(region) for region in layout.regions] if layout else None,
    }


def _info_lines(view: Survey, layout: Layout | None, *, list_extents: bool) -> Iterator[str]:
    yield f"size:    {view.size_bytes:,} bytes ({_size(view.size_bytes)})"
    if view.allocated_bytes is not None:
        yield f"on disk: {view.allocated_bytes:,} bytes"
    yield f"data:    {view.data_bytes:,} bytes in {_count(len(view.extents), 'extent')}"
    if view.method == "scan":
        yield f"         (no holes are known; blocks of {SCAN_BLOCK_BYTES:,} zeros are left out)"
    yield f"holes:   {view.size_bytes - view.data_bytes:,} bytes"
    yield from map(_pages_line, view.pages)
    if layout:
        yield from map(_region_line, layout.regions)
        yield f"state:   {_fit(view.size_bytes, layout.size_bytes)}"
    if list_extents:
        yield from map(_span_line, _spans(view.extents, layout))


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


def _span_line(span: Span) -> str:
    where = f"offset {span.offset:#014x}"
    if span.address is not None:
        where = f"{span.address:#018x}  {where}"
    return f"  {where}  {span.size_bytes:,} bytes"


def _rebase_lines(done: Rebased) -> Iterator[str]:
    for layer in done.layers:
        yield f"{printable(str(layer.path))}: {_layer(layer, done.size_bytes)}"
    yield f"{printable(str(done.path))}: written, {done.size_bytes:,} bytes"


def _layer(layer: Layer, size_bytes: int) -> str:
    copied = f"{layer.copied_bytes:,} bytes in {_count(layer.extents, 'extent')}"
    if layer.copied_bytes == size_bytes:
        return f"{copied}: it has no holes, so it replaces all that was there"
    return copied


def _spans(extents: Iterable[Extent], layout: Layout | None) -> Iterator[Span]:
    for extent in extents:
        if layout:
            yield from layout.spans(extent)
        else:
            yield Span(None, *extent)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _size(size_bytes: int) -> str:
    """`size_bytes` in the largest unit that leaves a whole number."""
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size_bytes and size_bytes % (1 << shift) == 0:
            return f"{size_bytes >> shift:,} {unit}"
    return f"{size_bytes:,} B"


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, default=str))


@contextmanager
def _bar(title: str, *paths: Path) -> Iterator[Progress]:
    """A progress bar over files that are read one after another; none if nobody looks."""
    if not sys.stderr.isatty():
        yield quiet
        return
    columns = (TextColumn(title), BarColumn(), DownloadColumn(True), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=sum(path.stat().st_size for path in paths))
        yield lambda size_bytes: bar.advance(task, size_bytes)
