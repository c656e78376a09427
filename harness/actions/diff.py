"""`thawbench diff`: what differs between two snapshots, as text or JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from emu.formats.memory.file import MemoryFile
from emu.formats.memory.regions import Layout
from emu.inspect.diff import Difference, diff
from emu.inspect.naming import naming_of
from emu.inspect.open import OpenState
from harness.actions.files import about, opened
from harness.actions.memory import differing
from harness.report.differences import print_differences
from harness.report.memory import MemoryDifference, snapshot_lines
from harness.report.output import print_json, print_lines

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
        with about(self.state):
            return opened(self.state, self.as_id)


def run(a: Snapshot, b: Snapshot, ignore: Sequence[str], *, as_json: bool) -> bool:
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
        result = {
            "a": {"file": str(a.state), "format": old.format.id},
            "b": {"file": str(b.state), "format": new.format.id},
            "differences": as_data(differences),
            "memory": memory.as_data() if memory else None,
        }
        print_json(result)
    else:
        if old.format is not new.format:
            click.echo(f"formats: {old.format.id} and {new.format.id}")
        print_differences(differences)
        print_lines(snapshot_lines(memory) if memory else ())
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


def _memory(a: Path, b: Path, state: OpenState) -> MemoryDifference:
    layout = Layout(state.format.regions(state.snapshot.data))
    with MemoryFile(a) as file_a, MemoryFile(b) as file_b:
        return differing(file_a, file_b, layout, PAGE_SIZE_BYTES)
