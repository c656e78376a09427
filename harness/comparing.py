"""`thawbench diff`: what differs between two snapshots, as text or JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from emu.formats.memory.compare import differing_pages
from emu.formats.memory.extents import page_count
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.regions import Layout, Span
from emu.inspect.diff import Difference, diff
from emu.inspect.naming import naming_of
from emu.inspect.open import OpenState
from harness.differences import print_differences
from harness.files import naming, opened

PAGE_SIZE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What to compare.

    Attributes:
        state: the state file.
        as_id: the format to read it as; found out if None.
        memory: the memory file, None to leave it out.
    """

    state: Path
    as_id: str | None = None
    memory: Path | None = None

    def open(self) -> OpenState:
        """The value of the state file; raises `SnapshotError` or `OSError`."""
        with naming(self.state):
            return opened(self.state, self.as_id)


@dataclass(frozen=True, slots=True)
class MemoryDifference:
    """Which pages of two memory files differ, by guest-physical address and by file offset."""

    page_size_bytes: int
    differing_pages: int
    runs: tuple[Span, ...]


def compare(a: Snapshot, b: Snapshot, ignore: Sequence[str], *, as_json: bool) -> bool:
    """Print how the snapshot `b` differs from the snapshot `a`; whether it does.

    Args:
        a: the old one.
        b: the new one.
        ignore: patterns of paths to pass over.
        as_json: print JSON instead of text.

    Raises:
        SnapshotError: a file can't be read as what it should be, or a pattern is none.
        OSError: a file can't be read.
    """
    old, new = a.open(), b.open()
    differences = between(old, new, ignore)
    memory = _memory(a.memory, b.memory, old) if a.memory and b.memory else None
    if as_json:
        result: dict[str, Any] = {
            "a": {"file": str(a.state), "format": old.format.id},
            "b": {"file": str(b.state), "format": new.format.id},
            "differences": as_data(differences),
            "memory": _memory_data(memory) if memory else None,
        }
        click.echo(json.dumps(result, indent=2))
    else:
        if old.format is not new.format:
            click.echo(f"formats: {old.format.id} and {new.format.id}")
        print_differences(differences)
        _print_memory(memory)
    return bool(differences or (memory and memory.runs))


def between(old: OpenState, new: OpenState, ignore: Iterable[str] = ()) -> list[Difference]:
    """How one state differs from another; raises `PathError` for what is no pattern."""
    return diff(
        old.format.schema,
        old.snapshot,
        new.format.schema,
        new.snapshot,
        ignore=ignore,
        naming_a=naming_of(old.format),
        naming_b=naming_of(new.format),
    )


def as_data(differences: Iterable[Difference]) -> list[dict[str, Any]]:
    """Differences for JSON."""
    return [dataclasses.asdict(difference) for difference in differences]


# --- memory ------------------------------------------------------------------------------------


def _memory(a: Path, b: Path, state: OpenState) -> MemoryDifference:
    layout = Layout(state.format.regions(state.snapshot.data))
    with MemoryFile(a) as file_a, MemoryFile(b) as file_b:
        runs = list(differing_pages(file_a, file_b, PAGE_SIZE_BYTES))
    spans = tuple(span for run in runs for span in layout.spans(run))
    return MemoryDifference(PAGE_SIZE_BYTES, page_count(runs, PAGE_SIZE_BYTES), spans)


def _memory_data(memory: MemoryDifference) -> dict[str, Any]:
    runs = [span._asdict() for span in memory.runs]
    return {**dataclasses.asdict(memory), "runs": runs}


def _print_memory(memory: MemoryDifference | None) -> None:
    if memory and memory.runs:
        for span in memory.runs:
            click.echo(_span_line(span))
        click.echo(f"{memory.differing_pages:,} pages of {memory.page_size_bytes:,} bytes differ")


def _span_line(span: Span) -> str:
    where = "behind the regions of the state" if span.address is None else f"{span.address:#x}"
    return f"~ memory {where}  {span.size_bytes:,} bytes, at {span.offset:#x} in the file"
