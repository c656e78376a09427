"""`thawbench describe`: what is in a state file, as text or JSON."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from emu.errors import SnapshotError
from emu.inspect.describe import describe_file
from harness.actions.files import about
from harness.report.console import stdout
from harness.report.description import print_description
from harness.report.output import print_json


def run(path: Path, as_id: str | None, *, as_json: bool) -> None:
    """Print a description of the state file `path`; raises `SnapshotError` if it does not load."""
    with about(path):
        description = describe_file(path, as_id)
    if as_json:
        print_json(dataclasses.asdict(description))
    else:
        print_description(stdout(), description)
    if description.problems:
        raise SnapshotError(f"{path}: {description.problems[0].message}")
