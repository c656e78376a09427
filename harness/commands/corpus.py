"""`thawbench corpus`: files for fuzzing a loader."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import FILE, JSON


@click.command()
@click.option("--format", "format_id", metavar="FORMAT", required=True, help="What to write.")
@click.option(
    "--count", type=click.IntRange(min=1), default=100, show_default=True, help="How many files."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True,
    help="Another seed gives other files, the same seed the same ones.",
)  # fmt: skip
@click.option("-o", "--output", type=FILE, required=True, help="The folder to write them to.")
@JSON
def corpus(*, format_id: str, count: int, seed: int, output: Path, as_json: bool) -> None:
    """Write state files that a loader can be fuzzed with: valid, at the limits, and damaged.

    Beside each file is the verdict of the release's loader, as JSON. The checksum is right
    unless it is what is damaged.
    """
    from harness import corpora

    corpora.run(output, format_id, count=count, seed=seed, as_json=as_json)
