"""Which virtual address a load or store names: from its encoding and the registers before it.

The core tells the physical address of an access to nothing; FAR_EL1 has to tell the virtual one.
Source: DDI 0487 K.a, C4.1.94 (loads and stores) and C5.3 (DC ZVA).
"""

from __future__ import annotations

from collections.abc import Sequence

_MASK64 = (1 << 64) - 1
_DC_ZVA = 0xD50B7420
_PAGE_BYTES = 0x1000
_WIDEST_BYTES = 64
_ZERO_REGISTER = 31


def faulting_address(word: int, pc: int, x: Sequence[int], physical: int) -> int | None:
    """The virtual address of the bytes that an access asked for at `physical`, None if unknown.

    Args:
        word: the instruction.
        pc: where it is.
        x: X0 to X30 and the current stack pointer, as before the instruction.
        physical: the physical address, which is within the same page as the virtual one.
    """
    first = first_address(word, pc, x)
    if first is None:
        return None
    beyond = (physical - first) % _PAGE_BYTES
    # An access that is not aligned is told by the aligned address below its own.
    rounded_down = beyond >= _PAGE_BYTES - _WIDEST_BYTES
    return first if rounded_down else (first + beyond) & _MASK64


def first_address(word: int, pc: int, x: Sequence[int]) -> int | None:
    """The lowest address that a load, store or DC ZVA names, None for any other instruction."""
    if word & ~0x1F == _DC_ZVA:
        return _x(x, word & 0x1F)
    if word >> 25 & 0b0101 != 0b0100:
        return None
    match word >> 28 & 0b11, word >> 24 & 1:
        case 0b00, _:  # exclusive, ordered, compare and swap; structures of SIMD
            offset: int | None = 0
        case 0b01, 0:
            return (pc + 4 * _signed(word >> 5, 19)) & _MASK64
        case 0b01, _:
            offset = _signed(word >> 12, 9)
        case 0b10, _:
            offset = _pair_offset(word)
        case _:
            offset = _register_offset(word, x)
    return None if offset is None else (x[word >> 5 & 0x1F] + offset) & _MASK64


def _pair_offset(word: int) -> int:
    is_simd, width, is_post_indexed = word >> 26 & 1, word >> 30, word >> 23 & 0b11 == 0b01
    scale = 2 + (width if is_simd else width >> 1)
    return 0 if is_post_indexed else _signed(word >> 15, 7) << scale


def _register_offset(word: int, x: Sequence[int]) -> int | None:
    is_simd, size, is_wide = word >> 26 & 1, word >> 30, word >> 23 & 1
    scale = 4 if is_simd and is_wide else size
    if word >> 24 & 1:
        return (word >> 10 & 0xFFF) << scale
    match word >> 21 & 1, word >> 10 & 0b11:
        case (0, 0b01) | (1, 0b00):  # post-indexed; atomic
            return 0
        case 0, _:
            return _signed(word >> 12, 9)
        case 1, 0b10:
            index = _extended(_x(x, word >> 16 & 0x1F), option=word >> 13 & 0b111)
            return index << (scale if word >> 12 & 1 else 0)
    return None  # LDRAA and LDRAB: the base is authenticated first


def _extended(value: int, *, option: int) -> int:
    """UXTW, UXTX (LSL), SXTW or SXTX of an index register."""
    if option & 1:
        return value
    return _signed(value, 32) if option & 0b100 else value & 0xFFFF_FFFF


def _x(x: Sequence[int], number: int) -> int:
    return 0 if number == _ZERO_REGISTER else x[number]


def _signed(value: int, bits: int) -> int:
    sign = 1 << (bits - 1)
    return (value & (2 * sign - 1) ^ sign) - sign
