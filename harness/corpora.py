"""`thawbench corpus`: writes a corpus and says what is in it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from harness.corpus.generator import MANIFEST, write

_SQUIB_NOTE = (
    "A GIC state made here is not one of Apple's, and the real squib hands it to Apple's framework "
    "after its loader: expect it to be refused there."
)


def run(directory: Path, format_id: str, *, count: int, seed: int, as_json: bool) -> None:
    """Write a corpus to `directory`; raises `UnknownFormatError` or `OSError`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("writing", total=count)
        manifest = write(
            directory,
            format_id,
            count=count,
            seed=seed,
            progress=lambda _entry: progress.advance(task),
        )
    if as_json:
        click.echo(json.dumps(manifest, indent=2))
    else:
        _print(Console(highlight=False, soft_wrap=True), directory, manifest)


def _print(console: Console, directory: Path, manifest: dict[str, Any]) -> None:
    table = Table("kind", "accepted", "rejected", box=None)
    for kind, counts in manifest["kinds"].items():
        table.add_row(kind, str(counts["accepted"]), str(counts["rejected"]))
    console.print(table)
    console.print(
        f"{manifest['count']} files of {manifest['format']}, seed {manifest['seed']}, in "
        f"{directory}; {MANIFEST} sums them up",
        markup=False,
    )
    if manifest["format"].startswith("squib"):
        console.print(_SQUIB_NOTE)
