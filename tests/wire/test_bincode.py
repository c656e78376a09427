"""Properties of the bincode codec over all schemas and all bytes, and values without encoding."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.errors import DecodeError, EncodeError
from emu.wire import bincode
from emu.wire.bincode import BINCODE_1, BINCODE_2, Config
from emu.wire.nodes import IntNode, Node
from emu.wire.schema import Array, OnlyVariant, Struct, char, f32, i8, u8, u16, u32, u64, u128
from emu.wire.semver import Semver
from harness.strategies.schemas import schemas
from harness.strategies.values import values


class Tree(Struct):
    value: u8
    kids: list[Tree]
    other: Tree | None


class Power(enum.Enum):
    ON = "On"
    OFF = "Off"


class Device(Struct):
    id: str
    slot: u32
    irqs: dict[u8, list[bool]]
    power: Power


class Board(Struct):
    devices: list[Device]


class Few(Struct):
    pair: tuple[u8, str]
    array: Annotated[tuple[int, ...], Array(u8, 2)]


class Numbers(Struct):
    a: u16
    b: u64


class SameFields(Struct):
    a: u16
    b: u64


class Even(Struct):
    number: u8

    def refusal(self) -> str | None:
        return "odd" if self.number % 2 else None


NonZeroU8 = Annotated[int, IntNode(8, nonzero=True)]

any_schema = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
flavours = st.sampled_from([BINCODE_1, BINCODE_2])


@any_schema
@given(schemas(), st.data(), flavours)
def test_every_value_of_every_schema_round_trips(
    schema: Node, data: st.DataObject, config: Config
) -> None:
    value = data.draw(values(schema))
    encoded = bincode.encode(schema, value, config)
    assert bincode.decode(schema, encoded, config=config) == (value, len(encoded))


@given(values(Tree))
def test_recursive_types_round_trip(tree: Tree) -> None:
    encoded = bincode.encode(Tree, tree)
    assert bincode.decode(Tree, encoded) == (tree, len(encoded))


@any_schema
@given(schemas(), st.binary(max_size=60), flavours)
def test_any_bytes_give_a_value_or_a_decode_error(
    schema: Node, data: bytes, config: Config
) -> None:
    try:
        value, end = bincode.decode(schema, data, config=config)
    except DecodeError as error:
        end = error.offset
    else:
        bincode.encode(schema, value, config)
    assert 0 <= end <= len(data)


@given(values(Board), st.data())
def test_changed_bytes_give_a_value_or_a_decode_error(board: Board, data: st.DataObject) -> None:
    encoded = bytearray(bincode.encode(Board, board))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        value, _ = bincode.decode(Board, bytes(encoded))
    except DecodeError:
        return
    assert bincode.decode(Board, bincode.encode(Board, value))[0] == value


@given(values(Board), st.binary(), st.binary())
def test_what_is_around_the_value_does_not_matter(
    board: Board, before: bytes, after: bytes
) -> None:
    encoded = bincode.encode(Board, board)
    data = before + encoded + after
    assert bincode.decode(Board, data, offset=len(before)) == (board, len(before + encoded))


def test_a_value_that_its_type_refuses_is_written_and_not_read() -> None:
    """As in Rust, only `Deserialize` checks it."""
    assert bincode.encode(Even, Even(7)) == b"\7"
    with pytest.raises(DecodeError, match="odd"):
        bincode.decode(Even, b"\7")


# --- values that have no encoding --------------------------------------------------------------


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
    (Numbers, Even(2), r"found Even\(number=2\), expected Numbers"),
    (list[i8], [0, 128], r"\[1\]: found 128, expected i8, -128 to 127"),
    (list[u8], [0, 1.0], r"\[1\]: found 1.0, expected int for u8"),
    (list[u128], [1 << 128], r"\[0\]: found 340282366920938463463374607431768211456"),
    (list[NonZeroU8], [1, 0], r"\[1\]: found 0, expected nonzero u8, 1 to 255"),
    (u16, None, "found None, expected int for u16"),
    (list[u8], 5, r"found 5, expected list for \[u8\]"),
    (bytes, [1, 2], "expected bytes for bytes"),
    (bytes, bytearray(2), "expected bytes for bytes"),
    (char, "ab", "found 'ab', expected char"),
    (char, "", "found '', expected char"),
    (char, "\ud800", "expected char"),
    (f32, 1e39, "expected f32"),
    (None, 0, "expected NoneType"),
    (Semver, "1.0", "found '1.0', expected semver version"),
    (Few, untyped_few((1,), (1, 2)), r"pair: found \(1,\), expected 2 values"),
    (Few, Few((1, ""), (1, 2, 3)), r"array: found \(1, 2, 3\), expected 2 values"),
    (Numbers, SameFields(1, 2), r"found SameFields\(a=1, b=2\), expected Numbers"),
    (Few | Numbers, board(), r"expected Few \| Numbers"),
    (Annotated[Few, OnlyVariant()], Numbers(1, 2), "expected Few"),
]


@pytest.mark.parametrize(("schema", "value", "message"), MISFITS)
def test_a_value_that_does_not_fit_is_named_with_its_path(
    schema: Any, value: Any, message: str
) -> None:
    with pytest.raises(EncodeError, match=message):
        bincode.encode(schema, value)


def test_an_f32_is_rounded() -> None:
    assert bincode.encode(f32, 0.1) == bincode.encode(f32, 0.10000000149011612)
