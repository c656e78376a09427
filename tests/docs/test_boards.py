"""The page on boards has them as they are."""

from __future__ import annotations

from pathlib import Path

from emu import boards
from emu.boards.board import Board
from emu.boards.equipment import allocate_stolen_time
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


def offers() -> str:
    """What each type of virtio device offers, a row for each board that changed it."""
    rows = ["| device | from | offers besides VERSION_1 |", "|---|---|---|"]
    kinds = {kind.id: kind for board in boards.BOARDS.values() for kind in board.virtio.offers}
    for _, kind in sorted(kinds.items()):
        before = ""
        for board in boards.BOARDS.values():
            names = _offered(board, kind.id)
            if names != before and names:
                rows.append(f"| {kind.name} | {board.name} | {names} |")
            before = names
    return "\n".join(rows)


def _offered(board: Board, kind_id: int) -> str:
    for kind, offer in board.virtio.offers.items():
        if kind.id == kind_id:
            names = [name for name in kind.feature_names(offer.features) if name != "VERSION_1"]
            return ", ".join(names) or "nothing"
    return ""


def test_the_page_has_what_virtio_devices_offer() -> None:
    """`offers()` is the text to put there."""
    assert offers() in TEXT


def test_the_page_has_where_system_memory_is_handed_out() -> None:
    """VMGenID, VMClock, and stolen time of one vCPU and of two, as the board of v1.15 has them."""
    board = boards.get("firecracker-1.15")
    for vcpu_count in (1, 2):
        memory = board.resource_allocator().system_memory
        places = [memory.allocate_last(16, 8), memory.allocate_last(0x1000, 0x1000)]
        resources = board.resource_allocator()
        resources.system_memory = memory
        places.append(allocate_stolen_time(resources, vcpu_count))
        assert all(f"{place:#x}" in TEXT for place in places)
