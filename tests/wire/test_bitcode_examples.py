"""What the Rust encoder (bitcode 0.6.9) wrote for small values, and how each is read back."""

from __future__ import annotations

import enum
import math
from typing import Annotated, Any

import pytest

from emu.wire import bitcode
from emu.wire.schema import (
    Array,
    HashMap,
    Struct,
    char,
    f32,
    f64,
    i8,
    i64,
    u8,
    u16,
    u32,
    u64,
    u128,
)


class A(Struct):
    pass


class B(Struct):
    _0: u8


class C(Struct):
    v: u16
    flag: bool


class Okay(Struct):
    variant_name = "Ok"
    _0: u8


class Err(Struct):
    _0: u16


class Duration(Struct):
    seconds: u64
    nanoseconds: u32


class V4(Struct):
    _0: Annotated[tuple[int, ...], Array(u8, 4)]


class V6(Struct):
    _0: Annotated[tuple[int, ...], Array(u8, 16)]


class Tree(Struct):
    v: u8
    kids: list[Tree]


class Unit(Struct):
    pass


class Power(enum.Enum):
    ON = "On"
    OFF = "Off"


Example = tuple[Any, Any, str]

SCALARS: list[Example] = [
    (u8, 7, "07"),
    (i8, -3, "fd"),
    (bool, True, "01"),
    (u16, 258, "0201"),
    (u64, 0, "0600"),
    (u64, 255, "06ff"),
    (u64, 256, "040001"),
    (u64, 1 << 32, "00 0000000001000000"),
    (i64, -1, "00 ffffffffffffffff"),
    (u128, 1, "0801"),
    (u128, 1 << 64, "00 0000000000000000 0100000000000000"),
    (f32, 1.0, "0000803f"),
    (f64, 1.0, "00 000000000000f03f"),
    (f64, 0.0, "0600"),
    (char, "a", "0461"),
    (char, "\N{PENGUIN}", "00 27f40100"),
    (str, "hi", "026869"),
    (str, "", "00"),
    (None, None, ""),
    (u8 | None, None, "00"),
    (u8 | None, 9, "0109"),
]

SEQUENCES: list[Example] = [
    (list[f32], [1.0, -1.0], "02 000080 000080 3fbf"),
    (list[u8], [], "00"),
    (list[u8], [1, 2], "02 0102"),
    (list[u8], [1, 0, 1], "03 0a05"),
    (list[u8], [5, 6, 7], "03 026507"),
    (list[u8], [200, 201, 202, 203, 204], "05 00c8c9cacbcc"),
    (list[u8], [200, 201, 202, 203, 204, 205], "06 03c84ecf"),
    (list[u8], [0, 1, 2, 2, 1, 0], "06 089c00"),
    (list[u8], [9, 200, 1], "03 0009c801"),
    (list[i8], [0, -1, 0, -1, 0, -1, 0], "07 09ff55"),
    (list[u16], [1000, 1001], "02 00e803e903"),
    (list[u16], list(range(1000, 1006)), "06 01e803 044ecf"),
    (list[u64], list(range(1000, 1006)), "06 05e803000000000000 044ecf"),
    (list[i64], list(range(-1, 5)), "06 05ffffffffffffffff 044ecf"),
    (list[bool], [True, False, True, True, False, False, False, False, True], "09 0d01"),
    (list[str], ["abc", "", "de"], "03 0623 6162636465"),
    (list[tuple[u8, u16]], [(1, 2), (3, 4)], "02 0103 020204"),
    (list[None], [None] * 3, "03"),
    (list[Unit], [Unit()] * 3, "03"),
    (list[list[u8]], [[1], [], [2, 3]], "03 0813 0639"),
    (list[u8], [0, 1] * 128, "ff 040001 0a" + "aa" * 32),
    (bytes, bytes([0, 1] * 128), "ff 040001 0a" + "aa" * 32),
    (bytes, bytes([200, 201, 202, 203, 204, 205]), "06 03c84ecf"),
]

COMPOUNDS: list[Example] = [
    (tuple[list[u8], u16], ([], 5), "00 0500"),
    (list[u32 | None], [None, 5, None, 6], "04 0a0a 040506"),
    (list[A | B | C], [A(), C(7, True), B(8), C(9, False)], "04 0845 020709 01 08"),
    (dict[u8, str], {1: "a", 2: "b"}, "02 0102 01016162"),
    (dict[u8, str], {2: "b", 1: "a"}, "02 0102 01016162"),
    (HashMap[u8, str], {2: "b", 1: "a"}, "02 0201 01016261"),
    (list[Okay | Err], [Okay(1), Err(2)], "02 0001 01 0200"),
    (Duration, Duration(5, 7), "0605 0407"),
    (V4 | V6, V4((1, 2, 3, 4)), "00 01 02 03 04"),
    (Tree, Tree(1, [Tree(2, []), Tree(3, [Tree(4, [])])]), "01 02 0203 0001 04 00"),
    (Power, Power.OFF, "01"),
    (Annotated[tuple[()], Array(u64, 0)], (), ""),
]

# A column stands where its position is first visited, not where the type declares it.
FIRST_VISITS: list[Example] = [
    (list[tuple[bytes, u16]], [(b"", 5), (b"\x09", 6)], "02 0001 020506 09"),
    (list[tuple[bytes, u16]], [(b"\x09", 6), (b"", 5)], "02 0100 09 020605"),
    (list[tuple[u8 | None, u16]], [(None, 5), (9, 6)], "02 0001 020506 09"),
    (list[tuple[u8 | None, u16]], [(9, 6), (None, 5)], "02 0100 09 020605"),
    (list[tuple[dict[u8, u8], u8]], [({}, 5), ({1: 2}, 6)], "02 0001 0506 01 02"),
    (list[tuple[B | C, u8]], [(B(1), 5), (C(2, True), 6)], "02 0001 01 0506 0200 01"),
    (
        # The inner u8 is first seen in the second item of the first list, before its u16.
        list[tuple[list[tuple[bytes, u8]], u16]],
        [([(b"", 1), (b"\x07", 2)], 3), ([], 4)],
        "02 0200 0001 0102 07 020304",
    ),
]


@pytest.mark.parametrize(("schema", "value", "expected"), SCALARS + SEQUENCES + COMPOUNDS)
def test_encodes_as_rust_does(schema: Any, value: Any, expected: str) -> None:
    assert bitcode.encode(schema, value) == bytes.fromhex(expected)


@pytest.mark.parametrize(("schema", "value", "expected"), SCALARS + SEQUENCES + COMPOUNDS)
def test_reads_what_rust_writes(schema: Any, value: Any, expected: str) -> None:
    assert bitcode.decode(schema, bytes.fromhex(expected)) == value


@pytest.mark.parametrize(("schema", "value", "expected"), FIRST_VISITS)
def test_a_column_stands_where_it_is_first_visited(schema: Any, value: Any, expected: str) -> None:
    data = bytes.fromhex(expected)
    assert bitcode.encode(schema, value) == data
    assert bitcode.decode(schema, data) == value


def test_f64_keeps_the_payload_of_a_nan() -> None:
    data = bytes.fromhex("00 010000000000f87f")
    value = bitcode.decode(f64, data)
    assert math.isnan(value)
    assert bitcode.encode(f64, value) == data


def test_memoryview_is_read_as_bytes_are() -> None:
    assert bitcode.decode(str, memoryview(b"xx\x02hixx")[2:5]) == "hi"
