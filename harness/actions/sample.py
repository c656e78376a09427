"""`thawbench sample`: a realistic state file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emu.formats import registry
from harness.actions.files import written


def run(output: Path, format_id: str, snapshot: Any, *, as_json: bool) -> None:
    """Write the state file of `snapshot` to `output`; raises `SnapshotError` or `OSError`."""
    known = registry.get(format_id)
    written(output, known, known.encode(snapshot), as_json=as_json)
