"""Bars on stderr that show how far a long command is; none if nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from emu.formats.memory.sparse import Progress, quiet


@contextmanager
def byte_bar(title: str, *paths: Path) -> Iterator[Progress]:
    """A bar over files that are read one after another; it is told how many bytes more are done."""
    with _bar(title, DownloadColumn(True), TimeRemainingColumn()) as bar:
        if bar is None:
            yield quiet
            return
        task = bar.add_task(title, total=sum(path.stat().st_size for path in paths))
        yield lambda size_bytes: bar.advance(task, size_bytes)


@contextmanager
def item_bar(title: str, total: int) -> Iterator[Progress]:
    """A bar over `total` items; it is told how many more are done."""
    with _bar(title, MofNCompleteColumn()) as bar:
        if bar is None:
            yield quiet
            return
        task = bar.add_task(title, total=total)
        yield lambda items: bar.advance(task, items)


@contextmanager
def _bar(title: str, *columns: ProgressColumn) -> Iterator[Bar | None]:
    if not sys.stderr.isatty():
        yield None
        return
    console = Console(stderr=True)
    with Bar(TextColumn(title), BarColumn(), *columns, console=console, transient=True) as bar:
        yield bar
