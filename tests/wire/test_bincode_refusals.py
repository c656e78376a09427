"""What the decoder accepts though no encoder writes it, and what it refuses: as Rust does.

The verdicts are those of bincode 1.3.3 and 2.0.1, called as Firecracker does.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any, NamedTuple

import pytest

from emu.errors import DecodeError
from emu.wire import bincode
from emu.wire.bincode import BINCODE_1, BINCODE_2, Config
from emu.wire.nodes import IntNode
from emu.wire.schema import Array, Struct, char, u8, u16, u32, u64, u128
from emu.wire.semver import Semver


class Power(enum.Enum):
    ON = "On"
    OFF = "Off"


class Only(enum.Enum):
    ONE = "One"


class Left(Struct):
    _0: u8


class Right(Struct):
    _0: bool


class Point(Struct):
    x: u32
    y: u32


class Even(Struct):
    number: u8

    def refusal(self) -> str | None:
        return f"{self.number} is odd" if self.number % 2 else None


NonZeroU32 = Annotated[int, IntNode(32, nonzero=True)]

flavours = pytest.mark.parametrize("config", [BINCODE_1, BINCODE_2], ids=["1.3.3", "2.0.1"])

# Lengths as they stand in the input.
TWO = "0200000000000000"
THREE = "0300000000000000"

ACCEPTED: dict[str, tuple[Any, str, Any]] = {
    "keys out of order": (dict[u8, u8], f"{TWO} 02 01 01 02", {1: 2, 2: 1}),
    "a repeated key": (dict[u8, u8], f"{TWO} 01 03 01 04", {1: 4}),
    "65536 empty items": (list[None], "0000010000000000", [None] * 65536),
    "65536 empty entries": (dict[None, None], "0000010000000000", {None: None}),
    "more items of one variant": (
        list[Only],
        f"0100010000000000{'00' * 262148}",
        [Only.ONE] * 65537,
    ),
    "more entries than keys": (dict[None, u8], f"0100010000000000{'05' * 65537}", {None: 5}),
    "a noncharacter": (char, "efbfbf", "\uffff"),
    "a NUL in a text": (str, f"{TWO} 0041", "\0A"),
}


@flavours
@pytest.mark.parametrize("case", ACCEPTED)
def test_accepts(case: str, config: Config) -> None:
    schema, data, expected = ACCEPTED[case]
    assert bincode.decode(schema, bytes.fromhex(data), config=config)[0] == expected


class Refused(NamedTuple):
    schema: Any
    data: str
    message: str
    offset: int
    path: str = ""


REFUSED: dict[str, Refused] = {
    "no input": Refused(u8, "", "1 bytes needed, 0 left", 0),
    "end inside an integer": Refused(u64, "01", "8 bytes needed, 1 left", 0),
    "end inside u128": Refused(u128, "00" * 15, "16 bytes needed, 15 left", 0),
    "end inside a length": Refused(str, "01", "8 bytes needed, 1 left", 0),
    "end inside a text": Refused(str, f"{THREE} 6162", "3 bytes needed, 2 left", 8),
    "end inside bytes": Refused(bytes, f"{THREE} 6162", "3 bytes needed, 2 left", 8),
    "end inside a char": Refused(char, "c3", "1 bytes needed, 0 left", 1),
    "end inside numbers": Refused(list[u16], f"{TWO} 010000", "2 bytes needed, 1", 10, "[1]"),
    "end inside an array": Refused(
        Annotated[Any, Array(u16, 3)], "010002", "2 bytes needed, 1 left", 2, "[1]"
    ),
    "end inside a struct": Refused(Point, "0000000001", "4 bytes needed, 1 left", 4, "y"),
    "end inside a list of structs": Refused(
        list[Point], f"{TWO} {'00' * 14}", "4 bytes needed, 2 left", 20, "[1].y"
    ),
    "a text of 2^64 - 1 bytes": Refused(str, "ff" * 8, "18446744073709551615 bytes needed", 8),
    "not UTF-8": Refused(str, f"{THREE} 61ff61", "text is not UTF-8", 9),
    "a surrogate in a text": Refused(str, f"{THREE} eda080", "text is not UTF-8", 8),
    "an overlong form": Refused(str, f"{TWO} c0af", "text is not UTF-8", 8),
    "an overlong char": Refused(char, "c0af", "no character begins with the byte 0xc0", 0),
    "a continuation byte as a char": Refused(char, "80", "no character begins with", 0),
    "a char beyond Unicode": Refused(char, "f5808080", "no character begins with", 0),
    "a char just beyond Unicode": Refused(char, "f4908080", "character is not UTF-8", 0),
    "a surrogate": Refused(char, "eda080", "character is not UTF-8", 0),
    "a char without its continuation": Refused(char, "c341", "character is not UTF-8", 0),
    "a bool of 2": Refused(list[bool], f"{TWO} 0102", "variant 2 of bool; expected less", 9, "[1]"),
    "an option tag of 2": Refused(u8 | None, "0200", r"variant 2 of u8\?", 0),
    "an enum without a variant": Refused(Power, "02000000", "variant 2 of Power; expected le", 0),
    "a variant in the high bytes": Refused(Power, "00000080", "variant 2147483648 of Power", 0),
    "an only variant of 1": Refused(Only, "01000000", "variant 1 of Only", 0),
    "a union without a variant": Refused(
        Left | Right, "0200000000", r"variant 2 of Left \| Right", 0
    ),
    "inside a variant": Refused(Left | Right, "01000000 02", "variant 2 of bool", 4, "::Right._0"),
    "a nonzero 0": Refused(list[NonZeroU32], f"{TWO} 01000000 00000000", "found 0", 12, "[1]"),
    "what a type refuses": Refused(tuple[u8, Even], "0101", "1 is odd", 1, "[1]"),
    "what is not a version": Refused(
        Semver, f"{THREE} 352e30", "found '5.0', expected a semver", 8
    ),
    "a bad key": Refused(dict[bool, u8], f"{TWO} 0001 0201", "variant 2 of bool", 10, "{key}"),
    "a bad value": Refused(dict[u8, bool], f"{TWO} 0001 0102", "variant 2 of bool", 11, "{value}"),
}


@flavours
@pytest.mark.parametrize("case", REFUSED)
def test_refuses_with_offset_and_path(case: str, config: Config) -> None:
    """The offset is absolute, and the path leads through every kind of container."""
    schema, data, message, offset, path = REFUSED[case]
    with pytest.raises(DecodeError, match=message) as caught:
        bincode.decode(schema, b"??" + bytes.fromhex(data), config=config, offset=2)
    assert (caught.value.offset, caught.value.path) == (2 + offset, path)


class Inner(Struct):
    flag: bool
    name: str | None
    letter: char
    points: list[Point]


class Outer(Struct):
    count: u32
    inner: list[Inner]
    table: dict[u8, Left | Right]
    blob: bytes
    wide: u128


OUTER = Outer(
    70000,
    [Inner(True, "ab", "é", [Point(1, 2), Point(3, 4)]), Inner(False, None, "a", [])],
    {1: Left(2), 7: Right(True)},
    b"abc",
    1 << 100,
)


@flavours
def test_truncation_at_every_byte_is_refused(config: Config) -> None:
    data = bincode.encode(Outer, OUTER)
    assert bincode.decode(Outer, data, config=config) == (OUTER, len(data))
    for size in range(len(data)):
        with pytest.raises(DecodeError) as caught:
            bincode.decode(Outer, data[:size], config=config)
        assert caught.value.offset <= size


def test_a_path_leads_from_the_root_to_the_field() -> None:
    data = bytearray(bincode.encode(Outer, OUTER))
    data[data.index(b"b")] = 0xFF
    with pytest.raises(DecodeError) as caught:
        bincode.decode(Outer, bytes(data))
    assert caught.value.path == "inner[0].name"
    assert caught.value.offset == data.index(0xFF)
