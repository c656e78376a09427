"""Values of properties that the trees of all boards have in common.

Sources: bindings in Linux v6.10, `Documentation/devicetree/bindings`, of which each builder names
its own.
"""

from __future__ import annotations

from typing import Final

from emu.boards.board import SPI_BASE
from emu.boards.places import Window
from emu.core.fdt import cells, cells64
from emu.errors import BoardError

EDGE_RISING: Final = 1
LEVEL_HIGH: Final = 4
LEVEL_LOW: Final = 8

GIC_PHANDLE: Final = 1
CLOCK_PHANDLE: Final = 2

UART_CLOCK_HZ: Final = 24_000_000

_PPI_BASE: Final = 16
_SPI, _PPI = 0, 1


def interrupt_cells(intid: int, flags: int) -> tuple[int, int, int]:
    """The GIC binding's three cells of a PPI or SPI; `BoardError` for any other INTID."""
    if SPI_BASE <= intid < 1020:
        return _SPI, intid - SPI_BASE, flags
    if _PPI_BASE <= intid < SPI_BASE:
        return _PPI, intid - _PPI_BASE, flags
    raise BoardError(f"INTID {intid} is no PPI (16 to 31) and no SPI (32 to 1019)")


def interrupt_intid(kind: int, number: int) -> int:
    """The INTID that the first two of those cells mean; `BoardError` for other kinds."""
    if kind not in (_SPI, _PPI):
        raise BoardError(f"interrupt of kind {kind} in the device tree; known: 0 (SPI), 1 (PPI)")
    return number + (SPI_BASE if kind == _SPI else _PPI_BASE)


def interrupts(*intids: int, flags: int) -> bytes:
    """An `interrupts` property; raises as `interrupt_cells`."""
    triples = [interrupt_cells(intid, flags) for intid in intids]
    return cells(*(cell for triple in triples for cell in triple))


def reg(*windows: Window) -> bytes:
    """A `reg` property of two address cells and two size cells."""
    return cells64(*(part for window in windows for part in (window.base, window.size_bytes)))
