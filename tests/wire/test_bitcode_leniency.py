"""What the decoder accepts though no encoder writes it, and what it refuses: as Rust does."""

from __future__ import annotations

import enum
from typing import Any

import pytest

from emu.errors import DecodeError
from emu.wire import bitcode
from emu.wire.schema import Struct, char, i64, u8, u16, u32, u64, u128
from emu.wire.semver import Semver


class Power(enum.Enum):
    ON = "On"
    OFF = "Off"


class Left(Struct):
    _0: u8


class Right(Struct):
    _0: u8


ACCEPTED: dict[str, tuple[Any, str, Any]] = {
    "a width that is not needed": (u64, "00 0700000000000000", 7),
    "bytes that are not packed": (list[u8], "03 00 010001", [1, 0, 1]),
    "a digit level that is not needed": (list[u8], "03 02 0101", [1, 0, 1]),
    "a base for few bytes": (list[u8], "03 09c8 05", [201, 200, 201]),
    "a base for one integer": (u64, "01 0100000000000000 02000000", 3),
    "bytes wrapping around": (list[u8], "03 09ff 05", [0, 255, 0]),
    "u16 wrapping around": (list[u16], "02 01ffff 0102", [0, 1]),
    "u64 wrapping around": (u64, "05 ffffffffffffffff 03", 2),
    "i64 wrapping around": (i64, "05 ffffffffffffff7f 01", -(1 << 63)),
    "digits out of range, F = 3": (list[u8], "05 08 ff", [0, 1, 1, 0, 0]),
    "digits out of range, F = 6": (list[u8], "03 04 ff", [3, 0, 1]),
    "set bits beyond the last": (bool, "ff", True),
    "digits beyond the last": (list[u8], "03 0a fd", [1, 0, 1]),
    "an escaped short length": (list[u8], "ff 0602 0102", [1, 2]),
    "keys out of order": (dict[u8, u8], "02 0201 0304", {1: 4, 2: 3}),
    "a repeated key": (dict[u8, u8], "02 0101 0304", {1: 4}),
    "65536 items of size zero": (list[None], "ff 02 00000100", [None] * 65536),
}

REFUSED: dict[str, tuple[Any, str, str]] = {
    "no input": (u8, "", "1 bytes needed, 0 left"),
    "the end inside an integer": (u64, "00 01", "8 bytes needed, 1 left"),
    "the end inside a text": (str, "03 6162", "3 bytes needed, 2 left"),
    "input after the value": (u8, "0102", "1 bytes follow the value"),
    "a byte header of 11": (list[u8], "03 0b 000000", "byte column header 11"),
    "a u16 header of 3": (list[u16], "02 03 0000", "integer column header 3"),
    "a u32 header of 5": (u32, "05 00000000 00", "integer column header 5"),
    "a u64 header of 7": (u64, "07 00", "integer column header 7"),
    "a u128 header of 9": (u128, "09 00", "integer column header 9"),
    "a header of 255": (u64, "ff 00", "integer column header 255"),
    "lengths that add up to 2^51 - 1": (bytes, "ff 00 ffffffffffff0700", "lengths add up to"),
    "text that is not UTF-8": (str, "02 61ff", "not UTF-8"),
    "a character split over two texts": (list[str], "02 0101 c3a9", "not UTF-8"),
    "a surrogate in a text": (str, "03 eda080", "not UTF-8"),
    "an overlong form": (str, "02 c0af", "not UTF-8"),
    "a char that is a surrogate": (char, "02 00d8", "U\\+D800"),
    "a char beyond Unicode": (char, "00 00001100", "U\\+110000"),
    "an option tag of 2": (u8 | None, "0200", "variant 2"),
    "an enum tag without a variant": (Power, "02", "variant 2 of Power; expected less than 2"),
    "a union tag without a variant": (Left | Right, "0200", "variant 2 of Left | Right"),
    "65537 items of size zero": (list[None], "ff 02 01000100", "65537 items of size zero"),
    "65537 keys of size zero": (dict[None, None], "ff 02 01000100", "65537 items of size zero"),
    "what is not a version": (Semver, "03 352e30", "5.0"),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepts(case: str) -> None:
    schema, data, expected = ACCEPTED[case]
    assert bitcode.decode(schema, bytes.fromhex(data)) == expected


@pytest.mark.parametrize("case", REFUSED)
def test_refuses(case: str) -> None:
    schema, data, message = REFUSED[case]
    with pytest.raises(DecodeError, match=message):
        bitcode.decode(schema, bytes.fromhex(data))


class Inner(Struct):
    flag: bool
    name: str | None


class Outer(Struct):
    count: u32
    items: list[Inner]
    table: dict[u8, Left | Right]


def test_an_error_names_offset_and_path() -> None:
    """The path is that of the column that could not be read, the offset where it stopped."""
    value = Outer(1, [Inner(True, "x")], {1: Left(2)})
    data = bytearray(bitcode.encode(Outer, value))
    data[data.index(b"x")] = 0xFF
    with pytest.raises(DecodeError) as caught:
        bitcode.decode(Outer, bytes(data))
    assert caught.value.path == "items[].name"
    assert caught.value.offset == data.index(0xFF)


PATHS = {
    0: "count",
    2: "items",
    3: "items[].flag",
    4: "items[].name",
    5: "table",
    6: "table{key}",
    7: "table{value}",
    8: "table{value}::Left._0",
}


@pytest.mark.parametrize("size", PATHS)
def test_the_path_leads_through_every_kind_of_container(size: int) -> None:
    data = bitcode.encode(Outer, Outer(1, [Inner(True, None)], {1: Left(2)}))
    assert data == bytes.fromhex("0401 01 01 00 01 01 00 02")
    with pytest.raises(DecodeError) as caught:
        bitcode.decode(Outer, data[:size])
    assert caught.value.path == PATHS[size]


def test_truncation_at_every_byte_is_refused() -> None:
    value = Outer(70000, [Inner(True, "ab"), Inner(False, None)], {1: Left(2), 7: Right(3)})
    data = bitcode.encode(Outer, value)
    assert bitcode.decode(Outer, data) == value
    for size in range(len(data)):
        with pytest.raises(DecodeError):
            bitcode.decode(Outer, data[:size])
