"""`thawbench memory`: what memory files are made of, how they differ, and diffs laid onto them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from emu.formats.memory.compare import differing_pages
from emu.formats.memory.extents import Extent, page_count
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.rebase import rebase as rebase_files
from emu.formats.memory.regions import Layout, Span
from emu.formats.memory.sparse import Method, Progress, quiet
from emu.formats.memory.survey import Survey, survey
from harness.actions.files import about, opened
from harness.report.memory import MemoryDifference, diff_lines, info_lines, rebase_lines
from harness.report.output import print_json, print_lines
from harness.report.progress import byte_bar


def layout_of_state(path: Path | None, as_id: str | None) -> Layout | None:
    """The memory regions of a state file, if there is one; raises `SnapshotError` or `OSError`."""
    if path is None:
        return None
    with about(path):
        state = opened(path, as_id)
        return Layout(state.format.regions(state.snapshot.data))


def info(path: Path, layout: Layout | None, *, list_extents: bool, as_json: bool) -> None:
    """Print what the memory file `path` is made of.

    Raises `SnapshotError`, also if the file is too short for `layout`.
    """
    with byte_bar("reading", path) as progress:
        view = survey(path, progress)
    spans = _spans(view.extents, layout)
    if as_json:
        print_json(_info_data(view, layout, spans))
    else:
        print_lines(info_lines(view, layout, spans if list_extents else ()))
    if layout:
        layout.check_size(str(path), view.size_bytes)


def rebase(
    base: Path, diffs: Sequence[Path], output: Path | None, *, scan: bool, as_json: bool
) -> None:
    """Lay `diffs` onto `base` and print what each brought; raises `SnapshotError` or `OSError`."""
    method: Method = "scan" if scan else "seek"
    with byte_bar("copying", base, *diffs) as progress:
        done = rebase_files(base, diffs, output, method=method, progress=progress)
    if as_json:
        print_json(dataclasses.asdict(done))
    else:
        print_lines(rebase_lines(done))


def diff(a: Path, b: Path, layout: Layout | None, page_size_bytes: int, *, as_json: bool) -> bool:
    """Print the pages in which two memory files differ; whether they do. Raises `SnapshotError`."""
    with MemoryFile(a) as file_a, MemoryFile(b) as file_b, byte_bar("comparing", a) as progress:
        size_bytes = file_a.size_bytes
        if layout:
            layout.check_size(str(a), size_bytes)
        difference = differing(file_a, file_b, layout, page_size_bytes, progress)
    if as_json:
        print_json({"size_bytes": size_bytes, **difference.as_data()})
    else:
        print_lines(diff_lines(difference, size_bytes))
    return bool(difference.runs)


def differing(
    a: MemoryFile,
    b: MemoryFile,
    layout: Layout | None,
    page_size_bytes: int,
    progress: Progress = quiet,
) -> MemoryDifference:
    """The pages in which two memory files differ; raises `SnapshotError`."""
    runs = list(differing_pages(a, b, page_size_bytes, progress))
    pages = page_count(runs, page_size_bytes)
    return MemoryDifference(page_size_bytes, pages, tuple(_spans(runs, layout)))


def _spans(extents: Iterable[Extent], layout: Layout | None) -> Iterator[Span]:
    for extent in extents:
        if layout:
            yield from layout.spans(extent)
        else:
            yield Span(None, *extent)


def _info_data(view: Survey, layout: Layout | None, spans: Iterable[Span]) -> dict[str, Any]:
    return {
        **dataclasses.asdict(view),
        "extents": [span._asdict() for span in spans],
        "regions": [dataclasses.asdict(region) for region in layout.regions] if layout else None,
    }
