"""`thawbench corpus`: writes a corpus and says what is in it."""

from __future__ import annotations

from pathlib import Path

from harness.corpus.generator import write
from harness.report.corpus import print_corpus
from harness.report.output import print_json
from harness.report.progress import item_bar


def run(directory: Path, format_id: str, *, count: int, seed: int, as_json: bool) -> None:
    """Write a corpus to `directory`; raises `UnknownFormatError` or `OSError`."""
    with item_bar("writing", count) as progress:
        manifest = write(
            directory, format_id, count=count, seed=seed, progress=lambda _entry: progress(1)
        )
    if as_json:
        print_json(manifest)
    else:
        print_corpus(directory, manifest)
