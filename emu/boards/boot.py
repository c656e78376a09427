"""Where the parts of a boot go in RAM: kernel, initial RAM disk, device tree."""

from __future__ import annotations

from dataclasses import dataclass

from emu.boards.board import BLOCK_SIZE_BYTES, Board, Window
from emu.core.image import Image
from emu.errors import BoardError


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
    _check_below(fdt, kernel, f"board {board.name}: the kernel")
    initrd = None
    if initrd_size_bytes:
        initrd = Window(_initrd_base(board, kernel.end), initrd_size_bytes)
        _check_below(fdt, initrd, f"board {board.name}: the initial RAM disk")
    return BootLayout(kernel, initrd, fdt)


def _initrd_base(board: Board, kernel_end: int) -> int:
    after_kernel = kernel_end + board.initrd_gap_bytes
    rounded = (after_kernel + BLOCK_SIZE_BYTES - 1) // BLOCK_SIZE_BYTES * BLOCK_SIZE_BYTES
    return max(board.dram_base + board.initrd_offset, rounded)


def _check_below(fdt: Window, part: Window, what: str) -> None:
    if part.end > fdt.base:
        raise BoardError(
            f"{what} needs [{part.base:#x}, {part.end:#x}), and the device tree begins at "
            f"{fdt.base:#x}; add at least {part.end - fdt.base} bytes of RAM"
        )
