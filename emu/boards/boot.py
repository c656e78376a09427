"""Where the parts of a boot go in RAM: kernel, initial RAM disk, device tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from emu.boards.board import Board, InitrdAfterKernel
from emu.boards.places import BLOCK_SIZE_BYTES, PAGE_SIZE_BYTES, Window
from emu.core.image import Image
from emu.errors import BoardError

MIB: Final = 1 << 20
"""Bytes in the unit by which users give RAM."""


@dataclass(frozen=True, slots=True)
class BootLayout:
    """RAM that a boot uses.

    Attributes:
        kernel: the image and what it needs after its end; its base is the entry.
        initrd: the initial RAM disk, if there is one.
        fdt: the device tree's place.
    """

    kernel: Window
    initrd: Window | None
    fdt: Window


def boot_layout(
    board: Board, *, ram_size_bytes: int, image: Image, initrd_size_bytes: int = 0
) -> BootLayout:
    """Place an image and an initial RAM disk (0 bytes: none) below the device tree.

    Raises:
        BoardError: RAM of that size is too small for the board, the image or the RAM disk.
    """
    fdt = board.fdt(ram_size_bytes)
    kernel = Window(image.load_address(board.kernel_base), image.image_size_bytes)
    _check_below(fdt, "the device tree", kernel, f"board {board.name}: the kernel")
    initrd = None
    if initrd_size_bytes:
        initrd = Window(_initrd_base(board, kernel, fdt, initrd_size_bytes), initrd_size_bytes)
        _check_below(fdt, "the device tree", initrd, f"board {board.name}: the initial RAM disk")
        _check_below(initrd, "the initial RAM disk", kernel, f"board {board.name}: the kernel")
    return BootLayout(kernel, initrd, fdt)


def _initrd_base(board: Board, kernel: Window, fdt: Window, initrd_size_bytes: int) -> int:
    rule = board.initrd
    if isinstance(rule, InitrdAfterKernel):
        after_kernel = _round_up(kernel.end + rule.gap_bytes, BLOCK_SIZE_BYTES)
        return max(board.dram_base + rule.offset, after_kernel)
    return fdt.base - _round_up(initrd_size_bytes, PAGE_SIZE_BYTES)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _check_below(above: Window, whose: str, part: Window, what: str) -> None:
    if part.end > above.base:
        raise BoardError(
            f"{what} needs [{part.base:#x}, {part.end:#x}), and {whose} begins at "
            f"{above.base:#x}; add at least {-(-(part.end - above.base) // MIB)} MiB of RAM"
        )
