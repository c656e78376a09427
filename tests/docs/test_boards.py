"""The page on boards has them as they are."""

from __future__ import annotations

from pathlib import Path

from emu import boards
from harness.actions.boards import HEADINGS, row

TEXT = (Path(__file__).parents[2] / "docs" / "boards.md").read_text(encoding="utf-8")


def table() -> str:
    """What `thawbench boards` prints, as a table of the page."""
    heading, *rows = (
        f"| {' | '.join(cells)} |" for cells in (HEADINGS, *map(row, boards.BOARDS.values()))
    )
    return "\n".join([heading, "|---" * len(HEADINGS) + "|", *rows])


def test_the_page_has_every_board() -> None:
    """`table()` is the text to put there."""
    assert table() in TEXT
