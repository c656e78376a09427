"""Who called whom, by frame pointers.

Source: AAPCS64 2024Q3, 6.4.6: X29 points to a frame record of two 64-bit words, the caller's X29
and the return address; the last record's X29 is zero. A guest in trouble may have anything there.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from emu.arch.layouts import TCR_EL1

FRAMES_MAX = 64
_RECORD = struct.Struct("<QQ")
_HALF_BIT = 55
_TXSZ_MIN, _TXSZ_MAX = 16, 39
_ADDRESS_MASK = (1 << 64) - 1

Reader = Callable[[int, int], bytes | None]
"""Bytes at a virtual address, by address and size; None where nothing can be read."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a backtrace.

    Attributes:
        address: of an instruction: the next one, or the one to return to.
        source: where it is from: `pc`; `x30`, which is stale once the function has called another;
            or `frame`, a frame record.
    """

    address: int
    source: str


def backtrace(pc: int, x29: int, x30: int, tcr: int, read: Reader) -> list[Frame]:
    """The calls that lead to `pc`, the innermost first. Ends at what makes no sense.

    Args:
        pc: the program counter.
        x29: the frame pointer.
        x30: the link register.
        tcr: TCR_EL1, by which pointer authentication codes are stripped.
        read: guest memory.
    """
    frames = [Frame(pc, "pc")]
    records = [strip_pac(address, tcr) for address in _records(x29, tcr, read)]
    link = strip_pac(x30, tcr)
    if link and link not in (pc, *records[:1]):
        frames.append(Frame(link, "x30"))
    return [*frames, *(Frame(address, "frame") for address in records)]


def _records(x29: int, tcr: int, read: Reader) -> Iterator[int]:
    """The return addresses of the chain, as they are stored."""
    seen: set[int] = set()
    pointer = strip_pac(x29, tcr)
    while pointer and pointer % 8 == 0 and pointer not in seen and len(seen) < FRAMES_MAX:
        seen.add(pointer)
        record = read(pointer, _RECORD.size)
        if record is None:
            return
        pointer, address = _RECORD.unpack(record)
        if not address:
            return
        yield address


def strip_pac(address: int, tcr: int) -> int:
    """An address without its pointer authentication code and tag.

    They are in the bits above the size of the address space, but for bit 55, which says to which
    half of it the address belongs (DDI 0487 K.a, D8.10).

    >>> hex(strip_pac(0x00A5_8000_8001_0000, 16 << 16))
    '0xffff800080010000'
    """
    upper = address >> _HALF_BIT & 1
    size = TCR_EL1(tcr).T1SZ if upper else TCR_EL1(tcr).T0SZ
    above = _ADDRESS_MASK & ~((1 << 64 - min(max(size, _TXSZ_MIN), _TXSZ_MAX)) - 1)
    return address | above if upper else address & ~above
