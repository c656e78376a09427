"""`thawbench edit`: a state file with some values changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from emu.formats.atomic import write_atomic
from emu.formats.format import Format
from emu.inspect.edit import edit
from emu.inspect.naming import naming_of
from harness.actions.diff import as_data, between
from harness.actions.files import about, opened
from harness.report.differences import print_differences
from harness.report.output import print_json, warning


def run(
    path: Path,
    output: Path,
    assignments: Sequence[str],
    *,
    delete: Sequence[str],
    as_id: str | None,
    as_json: bool,
) -> None:
    """Write the state file `path` with changes to `output`, and print what has changed.

    Whatever has an encoding is written, with its checksum; if the release's loader would refuse
    the new file, a warning says why.

    Args:
        path: the state file.
        output: the file to write; it may be the same.
        assignments: as for `emu.inspect.edit.edit`.
        delete: paths of items and entries to remove.
        as_id: the format to read `path` as; found out by default.
        as_json: print JSON instead of text.

    Raises:
        SnapshotError: the file can't be read, or an assignment can't be carried out; nothing is
            written then.
        OSError: a file can't be read or written.
    """
    with about(path):
        old = opened(path, as_id)
        snapshot = edit(
            old.format.schema,
            old.snapshot,
            assignments,
            delete=delete,
            naming=naming_of(old.format),
        )
        data = old.format.encode(snapshot)
    write_atomic(output, data)
    differences = between(old, replace(old, snapshot=snapshot))
    if as_json:
        print_json({"format": old.format.id, "differences": as_data(differences)})
    else:
        print_differences(differences)
    _warn(output, old.format, data)


def _warn(output: Path, file_format: Format, data: bytes) -> None:
    """Say on stderr why the release's loader would refuse a file, if it would."""
    problem = file_format.verdict(data).problem
    if problem:
        warning(f"{output}: {file_format.id} refuses this file: {problem.error}")
