"""What the Rust crates wrote for small values, and how each is read back.

bincode 1.3.3 (`serialize_into`) and 2.0.1 (its serde module, fixed-width integers, little endian)
wrote the same bytes for every one of them.
"""

from __future__ import annotations

import enum
import math
from typing import Annotated, Any

import pytest

from emu.wire import bincode
from emu.wire.bincode import BINCODE_1, BINCODE_2, Config
from emu.wire.nodes import IntNode
from emu.wire.schema import (
    Array,
    HashMap,
    OnlyVariant,
    Struct,
    char,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    i128,
    u8,
    u16,
    u32,
    u64,
    u128,
)
from emu.wire.semver import Semver


class Power(enum.Enum):
    ON = "On"
    OFF = "Off"
    IDLE = "Idle"


class Single(enum.Enum):
    ONLY = "Only"


class Empty(Struct):
    pass


class Byte(Struct):
    _0: u8


class Pair(Struct):
    _0: u8
    _1: str


class Named(Struct):
    letter: char
    flag: bool


class Newtype(Struct):
    _0: u16


class Fixed(Struct):
    a: u8
    b: i64
    c: f32
    d: u16
    e: f64


class Tree(Struct):
    value: u8
    kids: list[Tree]
    named: dict[str, Tree]
    other: Tree | None


Shape = Empty | Byte | Pair | Named
Lone = Annotated[Newtype, OnlyVariant()]
NonZeroU32 = Annotated[int, IntNode(32, nonzero=True)]
NonZeroU8 = Annotated[int, IntNode(8, nonzero=True)]

Example = tuple[Any, Any, str]

SCALARS: dict[str, Example] = {
    "u8": (u8, 7, "07"),
    "u16": (u16, 258, "0201"),
    "u32": (u32, 1, "01000000"),
    "u64": (u64, 0x0710_1984_AAAA_0000, "0000aaaa84191007"),
    "u128": (u128, 1 << 64, "0000000000000000 0100000000000000"),
    "i8": (i8, -3, "fd"),
    "i16": (i16, -2, "feff"),
    "i32": (i32, -(1 << 31), "00000080"),
    "i64": (i64, -1, "ffffffffffffffff"),
    "i128": (i128, -1, "ffffffffffffffff ffffffffffffffff"),
    "f32": (f32, 1.0, "0000803f"),
    "f64": (f64, -0.5, "000000000000e0bf"),
    "bool": (bool, True, "01"),
    "char of one byte": (char, "a", "61"),
    "char of two bytes": (char, "é", "c3a9"),
    "char of four bytes": (char, "\N{PENGUIN}", "f09f90a7"),
    "unit": (None, None, ""),
    "nonzero": (NonZeroU32, 1, "01000000"),
    "text counts bytes": (str, "é", "0200000000000000 c3a9"),
    "version is text": (Semver, "5.0.0", "0500000000000000 352e302e30"),
    "bytes": (bytes, b"\1\2", "0200000000000000 0102"),
}

COMPOUNDS: dict[str, Example] = {
    "none": (u8 | None, None, "00"),
    "some": (u8 | None, 9, "01 09"),
    "enum": (Power, Power.IDLE, "02000000"),
    "enum of one variant has a tag": (Single, Single.ONLY, "00000000"),
    "unit variant": (Shape, Empty(), "00000000"),
    "newtype variant": (Shape, Byte(7), "01000000 07"),
    "tuple variant": (Shape, Pair(7, "a"), "02000000 07 0100000000000000 61"),
    "struct variant": (Shape, Named("é", True), "03000000 c3a9 01"),
    "only variant": (Lone, Newtype(7), "00000000 0700"),
    "unit struct": (Empty, Empty(), ""),
    "newtype": (Newtype, Newtype(7), "0700"),
    "tuple": (tuple[u8, str, char], (1, "", "a"), "01 0000000000000000 61"),
    "array has no count": (Annotated[Any, Array(u16, 3)], (1, 2, 3), "0100 0200 0300"),
    "array of bool": (Annotated[Any, Array(bool, 2)], (True, False), "01 00"),
    "array of arrays": (
        Annotated[Any, Array(Array(u8, 2), 3)],
        ((1, 2), (3, 4), (5, 6)),
        "0102 0304 0506",
    ),
    "struct has no padding": (
        Fixed,
        Fixed(1, -1, 1.0, 2, 1.0),
        "01 ffffffffffffffff 0000803f 0200 000000000000f03f",
    ),
    "u64s": (list[u64], [1, 2], "0200000000000000 0100000000000000 0200000000000000"),
    "i16s": (list[i16], [-1, 1], "0200000000000000 ffff 0100"),
    "u128s": (list[u128], [1], "0100000000000000 0100000000000000 0000000000000000"),
    "f32s": (list[f32], [1.0], "0100000000000000 0000803f"),
    "bools": (list[bool], [True, False], "0200000000000000 01 00"),
    "chars": (list[char], ["a", "é"], "0200000000000000 61 c3a9"),
    "texts": (list[str], ["", "a"], "0200000000000000 0000000000000000 0100000000000000 61"),
    "blobs": (list[bytes], [b"", b"a"], "0200000000000000 0000000000000000 0100000000000000 61"),
    "options": (list[u16 | None], [None, 1], "0200000000000000 00 01 0100"),
    "nonzero numbers": (list[NonZeroU8], [1, 255], "0200000000000000 01 ff"),
    "units": (list[None], [None, None], "0200000000000000"),
    "map": (dict[u8, str], {1: "", 2: "b"}, f"02{'00' * 7} 01{'00' * 8} 02 01{'00' * 7} 62"),
    "map by key": (dict[Power, None], {Power.OFF: None, Power.ON: None}, f"02{'00' * 11} 01000000"),
    "recursion": (
        Tree,
        Tree(1, [Tree(2, [], {}, None)], {}, None),
        f"01 01{'00' * 7} 02 {'00' * 8} {'00' * 8} 00 {'00' * 8} 00",
    ),
}

examples = pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [*SCALARS.values(), *COMPOUNDS.values()],
    ids=[*SCALARS, *COMPOUNDS],
)
flavours = pytest.mark.parametrize("config", [BINCODE_1, BINCODE_2], ids=["1.3.3", "2.0.1"])


@examples
def test_encodes_as_rust_does(schema: Any, value: Any, expected: str) -> None:
    assert bincode.encode(schema, value) == bytes.fromhex(expected)


@flavours
@examples
def test_reads_what_rust_writes(schema: Any, value: Any, expected: str, config: Config) -> None:
    data = bytes.fromhex(expected)
    assert bincode.decode(schema, data, config=config) == (value, len(data))


def test_a_hash_map_keeps_the_order_of_the_dict() -> None:
    data = bytes.fromhex("0200000000000000 02 00 01 00")
    assert bincode.encode(HashMap[u8, u8], {2: 0, 1: 0}) == data
    value, _ = bincode.decode(HashMap[u8, u8], data)
    assert list(value) == [2, 1]


def test_another_map_comes_in_the_order_of_its_keys() -> None:
    value, _ = bincode.decode(dict[u8, u8], bytes.fromhex("0200000000000000 02 00 01 00"))
    assert list(value) == [1, 2]


def test_f64_keeps_the_payload_of_a_nan() -> None:
    data = bytes.fromhex("010000000000f87f")
    value, _ = bincode.decode(f64, data)
    assert math.isnan(value)
    assert bincode.encode(f64, value) == data


def test_a_value_may_stand_anywhere_in_the_input() -> None:
    """What is before and after it is the caller's matter."""
    data = memoryview(b"\xff\xff" + bincode.encode(str, "hi") + b"\xff")
    assert bincode.decode(str, data, offset=2) == ("hi", 12)
