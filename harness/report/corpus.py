"""What is in a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from harness.corpus.generator import MANIFEST
from harness.report.console import stdout
from harness.report.text import printable

_SQUIB_NOTE = (
    "A GIC state made here is not one of Apple's, and the real squib hands it to Apple's framework "
    "after its loader: expect it to be refused there."
)


def print_corpus(directory: Path, manifest: dict[str, Any]) -> None:
    """Print how many files of each kind there are, by their verdict."""
    console = stdout()
    table = Table("kind", "accepted", "rejected", box=None)
    for kind, counts in manifest["kinds"].items():
        table.add_row(kind, str(counts["accepted"]), str(counts["rejected"]))
    console.print(table)
    console.print(
        f"{manifest['count']} files of {manifest['format']}, seed {manifest['seed']}, in "
        f"{printable(str(directory))}; {MANIFEST} sums them up",
        markup=False,
    )
    if manifest["format"].startswith("squib"):
        console.print(_SQUIB_NOTE)
