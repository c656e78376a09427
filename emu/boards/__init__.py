"""Boards: what a machine consists of, as data.

>>> get("squib").dram_base == 0x8000_0000
True
"""

from __future__ import annotations

from typing import Final

from emu.boards.board import Board
from emu.boards.squib import SQUIB
from emu.errors import BoardError

BOARDS: Final = {board.name: board for board in (SQUIB,)}
"""All boards, by name."""


def get(name: str) -> Board:
    """The board called `name`; `BoardError` names the known ones."""
    try:
        return BOARDS[name]
    except KeyError:
        known = ", ".join(sorted(BOARDS))
        raise BoardError(f"unknown board {name!r}; known: {known}") from None
