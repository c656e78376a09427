"""Boards: what a machine consists of, as data.

>>> get("squib").dram_base == 0x8000_0000
True
>>> get("firecracker").name
'firecracker-1.16'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from emu.boards import firecracker
from emu.boards.board import Board
from emu.boards.squib import SQUIB
from emu.errors import BoardError

BOARDS: Final[Mapping[str, Board]] = MappingProxyType({SQUIB.name: SQUIB, **firecracker.RELEASES})
"""All boards, by name."""

_PATCH_RELEASE: Final = re.compile(r"^(firecracker-\d+\.\d+)\.\d+$")

ALIASES: Final[Mapping[str, Board]] = MappingProxyType({"firecracker": firecracker.LATEST})
"""Other names of some of them."""


def get(name: str) -> Board:
    """The board called `name`; a patch release (`firecracker-1.16.1`) has that of its line.

    Raises:
        BoardError: there is none; it names the known ones.
    """
    line = _PATCH_RELEASE.sub(r"\1", name)
    board = BOARDS.get(line) or ALIASES.get(line)
    if board is None:
        raise BoardError(f"unknown board {name!r}; known: {', '.join([*BOARDS, *ALIASES])}")
    return board
