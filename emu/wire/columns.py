"""Columns of the bitcode 0.6 serde format: how many values of one type are packed together.

`pack_*` turn all the values of a column into its bytes. `unpack_*` read a column whose number of
values is known, and accept whatever the Rust decoder accepts, which is more than the encoder
writes: any valid header, bases that wrap around, digits out of range.

Source: the crate `bitcode` 0.6.9, `src/pack.rs`, `src/pack_ints.rs`, `src/length.rs`,
`src/f32.rs`; the bytes are the same for all of 0.6.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emu.wire.reader import Reader

# Small values are stored as digits: a byte holds DIGITS_PER_BYTE[level] values that are all below
# RADIX[level], the first one in the lowest digit.
RADIX = (256, 16, 6, 4, 3, 2)
DIGITS_PER_BYTE = (1, 2, 3, 4, 5, 8)
BIT_LEVEL = 5
_WEIGHTS = [
    [radix**digit for digit in range(count)]
    for radix, count in zip(RADIX, DIGITS_PER_BYTE, strict=True)
]
# The densest level for values up to the index.
_LEVEL_OF_MAX = bytes([5, 5, 4, 3, 2, 2] + [1] * 10 + [0] * 240)
# _DIGIT[level][i] translates a packed byte into its digit i.
_DIGIT = [
    [bytes(byte // weight % radix for byte in range(256)) for weight in weights]
    for radix, weights in zip(RADIX, _WEIGHTS, strict=True)
]
_PLUS = [bytes((byte + base) & 0xFF for byte in range(256)) for base in range(256)]
# The bytes within 15 of the index. Values that span more than that are never packed.
_NEAR = [bytes(range(max(0, byte - 15), min(256, byte + 16))) for byte in range(256)]

# Up to this many bytes are stored without a header.
_BARE_BYTES_MAX = 2
# A base byte (or integer) is written only for more values than this.
_BASELESS_MAX = 5
_HEADER_MAX = 10
# The length byte that stands for an entry in the list of large lengths.
_LARGE = 255
# The sum of all lengths of a column is below this: 2^63 / 4096, rounded down.
_TOTAL_LENGTH_END = 0x7FFFFFFFFFFFFFFF // 4096


# --- digits and bytes --------------------------------------------------------------------------


def pack_digits(values: bytes, level: int) -> bytes:
    """Values below the level's radix, several to a byte."""
    per_byte = DIGITS_PER_BYTE[level]
    size = -(-len(values) // per_byte)
    total = 0
    # No packed byte exceeds 255, so whole lanes of digits add up without a carry.
    for i, weight in enumerate(_WEIGHTS[level]):
        total += int.from_bytes(values[i::per_byte], "little") * weight
    return total.to_bytes(size, "little")


def unpack_digits(reader: Reader, count: int, level: int) -> bytes:
    """The inverse of `pack_digits`; what is over in a byte is ignored."""
    per_byte = DIGITS_PER_BYTE[level]
    packed = reader.take(-(-count // per_byte))
    if per_byte == 1:
        return packed
    values = bytearray(len(packed) * per_byte)
    for i, digit in enumerate(_DIGIT[level]):
        values[i::per_byte] = packed.translate(digit)
    return bytes(values[:count])


def _range(values: bytes) -> tuple[int, int]:
    """The least and greatest byte, or (0, 255) if they are further apart than 15.

    Asks for one byte value at a time, which is faster than a look at each byte.
    """
    first = values[0]
    if values.translate(None, _NEAR[first]):
        return 0, 255
    low = next(value for value in range(max(0, first - 15), 256) if value in values)
    high = next(value for value in range(min(255, first + 15), -1, -1) if value in values)
    return low, high


def _pack_bytes(values: bytes, low: int, high: int) -> bytes:
    basic = _LEVEL_OF_MAX[high] if low >= 0 else 0
    offset = _LEVEL_OF_MAX[high - low]
    if offset > basic and len(values) > _BASELESS_MAX:
        head = bytes((2 * offset - 1, low & 0xFF))
        return head + pack_digits(values.translate(_PLUS[-low & 0xFF]), offset)
    if not basic:
        return b"\0" + values
    return bytes((2 * basic,)) + pack_digits(values, basic)


def pack_bytes(values: bytes) -> bytes:
    """The column of a `u8`, of enum tags, of short lengths."""
    if len(values) <= _BARE_BYTES_MAX:
        return values
    return _pack_bytes(values, *_range(values))


def pack_signed_bytes(values: Iterable[int]) -> bytes:
    """The column of an `i8`."""
    signed = array("b", values)
    if len(signed) <= _BARE_BYTES_MAX:
        return signed.tobytes()
    return _pack_bytes(signed.tobytes(), min(signed), max(signed))


def unpack_bytes(reader: Reader, count: int) -> bytes:
    """The inverse of `pack_bytes`."""
    if count <= _BARE_BYTES_MAX:
        return reader.take(count)
    header = reader.take(1)[0]
    if header > _HEADER_MAX:
        raise reader.error(f"byte column header {header}; expected at most {_HEADER_MAX}")
    base = reader.take(1)[0] if header & 1 else 0
    values = unpack_digits(reader, count, (header + 1) >> 1)
    return values.translate(_PLUS[base]) if base else values


def pack_bits(values: Iterable[int]) -> bytes:
    """The column of a `bool`; raises `ValueError` for values other than 0 and 1."""
    bits = bytes(values)
    if max(bits) > 1:
        raise ValueError("a bit is 0 or 1")
    return pack_digits(bits, BIT_LEVEL)


# --- integers ----------------------------------------------------------------------------------

# Width classes: how many bytes each stored value takes.
_CLASS_SIZE = (16, 8, 4, 2, 1)
_BYTE_CLASS = 4
# The narrowest class that holds a number of so many bits.
_CLASS_OF_BITS = [4] * 9 + [3] * 8 + [2] * 16 + [1] * 32 + [0] * 64
_TYPECODE = {2: "H", 4: "I", 8: "Q"}


@dataclass(frozen=True, slots=True)
class Width:
    """An integer type of more than one byte; `full` is its own width class."""

    size: int
    minimum: int
    maximum: int
    mask: int
    full: int


def width(size: int, *, signed: bool = False) -> Width:
    """The integer type of `size` bytes: 2, 4, 8 or 16."""
    mask = (1 << (8 * size)) - 1
    maximum = mask >> 1 if signed else mask
    return Width(size, maximum - mask, maximum, mask, _CLASS_SIZE.index(size))


U64 = width(8)


def pack_ints(values: Sequence[int], kind: Width) -> bytes:
    """The column of a `u16` or wider; raises `OverflowError` for a value out of range."""
    if not values:
        return b""
    low, high = min(values), max(values)
    if low < kind.minimum or high > kind.maximum:
        raise OverflowError("integer out of range")
    if len(values) == 1 and kind.size == 2:
        return (low & kind.mask).to_bytes(2, "little")
    basic = _CLASS_OF_BITS[high.bit_length()] if low >= 0 else kind.full
    if len(values) > _BASELESS_MAX:
        offset = _CLASS_OF_BITS[(high - low).bit_length()]
        if offset > basic:
            head = bytes((2 * (offset - kind.full) - 1,))
            head += (low & kind.mask).to_bytes(kind.size, "little")
            return head + _pack_class([value - low for value in values], offset)
    if low < 0:
        values = [value & kind.mask for value in values]
    return bytes((2 * (basic - kind.full),)) + _pack_class(values, basic)


def _pack_class(values: Sequence[int], width_class: int) -> bytes:
    if width_class == _BYTE_CLASS:
        return pack_bytes(bytes(values))
    size = _CLASS_SIZE[width_class]
    if len(values) == 1:
        return values[0].to_bytes(size, "little")
    if size == 16:
        return b"".join([value.to_bytes(16, "little") for value in values])
    packed = array(_TYPECODE[size], values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_ints(reader: Reader, count: int, kind: Width) -> list[int]:
    """The inverse of `pack_ints`."""
    width_class, base = kind.full, 0
    if count > 1 or kind.size > 2:
        header = reader.take(1)[0]
        width_class += (header + 1) >> 1
        if width_class > _BYTE_CLASS:
            most = 2 * (_BYTE_CLASS - kind.full)
            raise reader.error(f"integer column header {header}; expected at most {most}")
        if header & 1:
            base = int.from_bytes(reader.take(kind.size), "little")
    values = _unpack_class(reader, count, width_class)
    if base:
        values = [(value + base) & kind.mask for value in values]
    if kind.minimum:
        sign = kind.maximum + 1
        values = [(value ^ sign) - sign for value in values]
    return values


def _unpack_class(reader: Reader, count: int, width_class: int) -> list[int]:
    if width_class == _BYTE_CLASS:
        return list(unpack_bytes(reader, count))
    size = _CLASS_SIZE[width_class]
    packed = reader.take(count * size)
    if count == 1:
        return [int.from_bytes(packed, "little")]
    if size == 16:
        return [int.from_bytes(packed[i : i + 16], "little") for i in range(0, len(packed), 16)]
    values = array(_TYPECODE[size], packed)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()


# --- lengths, text, floats ---------------------------------------------------------------------


def pack_lengths(lengths: Sequence[int]) -> bytes:
    """The column of a sequence or map: how many items each has."""
    if max(lengths) < _LARGE:
        return pack_bytes(bytes(lengths))
    short = bytes([min(length, _LARGE) for length in lengths])
    return pack_bytes(short) + pack_ints([n for n in lengths if n >= _LARGE], U64)


def unpack_lengths(reader: Reader, count: int) -> tuple[Sequence[int], int]:
    """The lengths and their total."""
    short = unpack_bytes(reader, count)
    large_count = short.count(_LARGE)
    if not large_count:
        return short, sum(short)
    large = iter(unpack_ints(reader, large_count, U64))
    lengths = [next(large) if length == _LARGE else length for length in short]
    total = sum(lengths)
    if total >= _TOTAL_LENGTH_END:
        raise reader.error(f"lengths add up to {total}; expected less than {_TOTAL_LENGTH_END}")
    return lengths, total


def pack_texts(values: Sequence[str]) -> bytes:
    """The column of a `str`; raises `UnicodeEncodeError` for a lone surrogate."""
    encoded = [value.encode() for value in values]
    return pack_lengths(list(map(len, encoded))) + b"".join(encoded)


def unpack_texts(reader: Reader, count: int) -> list[str]:
    """The inverse of `pack_texts`; each text must be UTF-8 on its own."""
    lengths, total = unpack_lengths(reader, count)
    start = reader.pos
    data = reader.take(total)
    texts = []
    begin = 0
    for length in lengths:
        try:
            texts.append(data[begin : begin + length].decode())
        except UnicodeDecodeError as error:
            reader.pos = start + begin + error.start
            raise reader.error(f"text is not UTF-8: {error.reason}") from None
        begin += length
    return texts


def pack_floats(values: Sequence[float]) -> bytes:
    """The column of an `f32`: all low three bytes, then all high ones."""
    raw = struct.pack(f"<{len(values)}f", *values)
    low = bytearray(3 * len(values))
    for i in range(3):
        low[i::3] = raw[i::4]
    return bytes(low) + raw[3::4]


def unpack_floats(reader: Reader, count: int) -> tuple[float, ...]:
    """The inverse of `pack_floats`."""
    low, high = reader.take(3 * count), reader.take(count)
    raw = bytearray(4 * count)
    for i in range(3):
        raw[i::4] = low[i::3]
    raw[3::4] = high
    return struct.unpack(f"<{count}f", raw)


def pack_doubles(values: Sequence[float]) -> bytes:
    """The column of an `f64`: that of its bit patterns as `u64`."""
    count = len(values)
    return pack_ints(struct.unpack(f"<{count}Q", struct.pack(f"<{count}d", *values)), U64)


def unpack_doubles(reader: Reader, count: int) -> tuple[float, ...]:
    """The inverse of `pack_doubles`."""
    patterns = unpack_ints(reader, count, U64)
    return struct.unpack(f"<{count}d", struct.pack(f"<{count}Q", *patterns))
