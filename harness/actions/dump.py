"""`thawbench dump`: a state file's value as JSON."""

from __future__ import annotations

from pathlib import Path

import click

from emu.wire import jsonvalue
from harness.actions.files import about, opened


def run(path: Path, as_id: str | None) -> None:
    """Print the value of the state file `path` as serde_json does."""
    with about(path):
        state = opened(path, as_id)
    # As bytes: text would get other line ends on Windows.
    click.echo(jsonvalue.dumps(state.format.schema, state.snapshot).encode())
