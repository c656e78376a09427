"""The device tree of a machine: its board's constants, told to the guest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from emu.boards.board import Board
from emu.boards.device_tree import firecracker, squib
from emu.boards.device_tree.description import Description
from emu.boards.places import Place
from emu.boards.tree_content import FirecrackerTree, SquibTree
from emu.core.fdt import Node, flatten
from emu.errors import BoardError

__all__ = ["Description", "build_fdt"]

_AFF3: Final = 0xFF_0000_0000
_AFF2_TO_AFF0: Final = 0xFF_FFFF


def build_fdt(machine: Description) -> bytes:
    """The blob that the boot vCPU finds at X0.

    Raises:
        BoardError: something is out of the board's range, or the blob exceeds its place.
    """
    board = machine.board
    _check_mpidrs(board, machine.mpidrs)
    _check_places(board, list(machine.equipment.places()))
    blob = flatten(_root(board.tree, machine))
    if len(blob) > board.fdt_size_bytes:
        raise BoardError(
            f"board {board.name}: the device tree has {len(blob)} bytes, and its place "
            f"{board.fdt_size_bytes}; shorten the boot arguments"
        )
    return blob


def _root(content: SquibTree | FirecrackerTree, machine: Description) -> Node:
    if isinstance(content, SquibTree):
        return squib.root(content, machine)
    return firecracker.root(content, machine)


def _check_mpidrs(board: Board, mpidrs: Sequence[int]) -> None:
    if not 1 <= len(mpidrs) <= board.max_vcpus:
        raise BoardError(
            f"board {board.name}: {len(mpidrs)} vCPUs; it takes 1 to {board.max_vcpus}"
        )
    if any(mpidr & _AFF3 for mpidr in mpidrs):
        raise BoardError(f"board {board.name}: a vCPU has Aff3 other than 0 in its MPIDR_EL1")
    if len({mpidr & _AFF2_TO_AFF0 for mpidr in mpidrs}) != len(mpidrs):
        raise BoardError(f"board {board.name}: two vCPUs have the same affinity in MPIDR_EL1")


def _check_places(board: Board, places: Sequence[Place]) -> None:
    bases = [place.window.base for place in places]
    gsis = [place.gsi for place in places]
    for what, values in (("window", bases), ("GSI", gsis)):
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise BoardError(f"board {board.name}: two devices have the {what} {twice:#x}")
