"""A value that does not fit its type has no encoding; the error names it, with its path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import pytest

from emu.errors import EncodeError
from emu.wire import bincode, bitcode
from emu.wire.nodes import IntNode
from emu.wire.schema import Array, OnlyVariant, Struct, char, f32, i8, u8, u16, u64, u128
from emu.wire.semver import Semver
from tests.wire.shapes import Board, Device, Power

Encode = Callable[[Any, Any], bytes]

codecs = pytest.mark.parametrize(
    "encode", [bincode.encode, bitcode.encode], ids=["bincode", "bitcode"]
)


class Few(Struct):
    pair: tuple[u8, str]
    array: Annotated[tuple[int, ...], Array(u8, 2)]


class Numbers(Struct):
    a: u16
    b: u64


class SameFields(Struct):
    a: u16
    b: u64


class Single(Struct):
    number: u8


NonZeroU8 = Annotated[int, IntNode(8, nonzero=True)]


def board(**changes: Any) -> Board:
    fields: dict[str, Any] = {
        "id": "eth0",
        "slot": 1,
        "irqs": {1: [True]},
        "power": Power.ON,
    } | changes
    return Board([Device("", 0, {}, Power.OFF), Device(**fields)])


# As a caller without a type checker sees them.
untyped_board: Any = Board
untyped_few: Any = Few
untyped_numbers: Any = Numbers

MISFITS: list[tuple[Any, Any, str]] = [
    (Board, board(slot=1 << 32), r"devices\[1\].slot: found 4294967296, expected u32, 0 to 429"),
    (Board, board(slot=-1), r"devices\[1\].slot: found -1"),
    (Board, board(slot="1"), r"devices\[1\].slot: found '1', expected int for u32"),
    (Board, board(id=b"x"), r"devices\[1\].id: found b'x', expected str for str"),
    (Board, board(id="\ud800"), r"devices\[1\].id"),
    (Board, board(irqs={256: []}), r"devices\[1\].irqs\{256\}: found 256, expected u8"),
    (Board, board(irqs={1: [True, 2]}), r"devices\[1\].irqs\[1\]\[1\]: found 2, expected bool"),
    (Board, board(irqs=None), r"devices\[1\].irqs: found None, expected dict"),
    (Board, board(power="On"), r"devices\[1\].power: found 'On', expected Power, one of On, Off"),
    (Board, board(power=None), r"devices\[1\].power: found None"),
    (Board, untyped_board([None]), r"devices\[0\]: found None, expected Device"),
    (Board, None, "found None, expected Board"),
    (Numbers, untyped_numbers(1, -1), "b: found -1, expected u64"),
    (Numbers, untyped_numbers(1, 1.5), "b: found 1.5, expected int for u64"),
    (Numbers, Single(2), r"found Single\(number=2\), expected Numbers"),
    (list[i8], [0, 128], r"\[1\]: found 128, expected i8, -128 to 127"),
    (list[u8], [0, 1.0], r"\[1\]: found 1.0, expected int for u8"),
    (list[u128], [1 << 128], r"\[0\]: found 340282366920938463463374607431768211456"),
    (list[NonZeroU8], [1, 0], r"\[1\]: found 0, expected nonzero u8, 1 to 255"),
    (u16, None, "found None, expected int for u16"),
    (list[u8], 5, r"found 5, expected list for \[u8\]"),
    (bytes, [1, 2], "expected bytes for bytes"),
    (char, "ab", "found 'ab', expected char"),
    (char, "", "found '', expected char"),
    (char, "\ud800", "expected char"),
    (f32, 1e39, "expected f32"),
    (None, 0, "expected NoneType"),
    (Semver, "1.0", "found '1.0', expected semver version"),
    (Few, untyped_few((1,), (1, 2)), r"pair: found \(1,\), expected 2 values"),
    (Few, Few((1, ""), (1, 2, 3)), r"array: found \(1, 2, 3\), expected 2 values"),
    (Few | Numbers, board(), r"expected Few \| Numbers"),
    (Annotated[Few, OnlyVariant()], Numbers(1, 2), "expected Few"),
]


@codecs
@pytest.mark.parametrize(("schema", "value", "message"), MISFITS)
def test_a_value_that_does_not_fit_is_named_with_its_path(
    schema: Any, value: Any, message: str, encode: Encode
) -> None:
    with pytest.raises(EncodeError, match=message):
        encode(schema, value)


@codecs
def test_an_f32_is_rounded(encode: Encode) -> None:
    assert encode(f32, 0.1) == encode(f32, 0.10000000149011612)


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (bytes, bytearray(2), "expected bytes for bytes"),
        (Numbers, SameFields(1, 2), r"found SameFields\(a=1, b=2\), expected Numbers"),
    ],
)
def test_bincode_takes_no_value_of_a_type_that_is_alike(
    schema: Any, value: Any, message: str
) -> None:
    with pytest.raises(EncodeError, match=message):
        bincode.encode(schema, value)
