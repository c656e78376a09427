"""Properties of the bitcode codec over all schemas and all bytes, and its limits."""

from __future__ import annotations

import enum
import tracemalloc
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.errors import DecodeError, EncodeError
from emu.wire import bitcode
from emu.wire.bitcode import Limits
from emu.wire.nodes import Node
from emu.wire.schema import Array, Struct, char, f32, i8, u8, u16, u32, u64
from emu.wire.semver import Semver
from harness.strategies.schemas import schemas
from harness.strategies.values import values


class Tree(Struct):
    value: u8
    kids: list[Tree]
    named: dict[str, Tree]
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


class Many(Struct):
    letter: char


any_schema = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@any_schema
@given(schemas(), st.data())
def test_every_value_of_every_schema_round_trips(schema: Node, data: st.DataObject) -> None:
    value = data.draw(values(schema))
    assert bitcode.decode(schema, bitcode.encode(schema, value)) == value


@given(values(Tree))
def test_recursive_types_round_trip(tree: Tree) -> None:
    assert bitcode.decode(Tree, bitcode.encode(Tree, tree)) == tree


@any_schema
@given(schemas(), st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_decode_error(schema: Node, data: bytes) -> None:
    offset = 0
    try:
        value = bitcode.decode(schema, data)
    except DecodeError as error:
        offset = error.offset
    else:
        bitcode.encode(schema, value)
    assert 0 <= offset <= len(data)


@given(values(Board), st.data())
def test_changed_bytes_give_a_value_or_a_decode_error(board: Board, data: st.DataObject) -> None:
    encoded = bytearray(bitcode.encode(Board, board))
    at = data.draw(st.integers(0, len(encoded) - 1))
    encoded[at] ^= data.draw(st.integers(1, 255))
    try:
        value = bitcode.decode(Board, bytes(encoded))
    except DecodeError:
        return
    assert bitcode.decode(Board, bitcode.encode(Board, value)) == value


@given(values(Board), st.binary(min_size=1))
def test_bytes_after_the_value_are_refused(board: Board, rest: bytes) -> None:
    with pytest.raises(DecodeError, match="follow the value"):
        bitcode.decode(Board, bitcode.encode(Board, board) + rest)


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

MISFITS: list[tuple[Any, Any, str]] = [
    (Board, board(slot=1 << 32), r"devices\[1\].slot: found 4294967296, expected u32, 0 to 429"),
    (Board, board(slot=-1), r"devices\[1\].slot: found -1"),
    (Board, board(slot="1"), r"devices\[1\].slot: found '1', expected int for u32"),
    (Board, board(id=b"x"), r"devices\[1\].id: found b'x', expected str for str"),
    (Board, board(id="\ud800"), r"devices\[1\].id"),
    (Board, board(irqs={256: []}), r"devices\[1\].irqs\{256\}: found 256, expected u8"),
    (Board, board(irqs={1: [True, 2]}), r"devices\[1\].irqs\[1\]\[1\]: found 2, expected bool"),
    (Board, board(power="On"), r"devices\[1\].power: found 'On', expected Power, one of On, Off"),
    (Board, board(power=None), r"devices\[1\].power: found None"),
    (Board, untyped_board([None]), r"devices\[0\]: found None, expected Device"),
    (Board, None, "found None, expected Board"),
    (list[i8], [0, 128], r"\[1\]: found 128, expected i8, -128 to 127"),
    (list[u8], [0, 1.0], r"\[1\]: found 1.0, expected int for u8"),
    (bytes, [1, 2], "expected bytes for bytes"),
    (char, "ab", "found 'ab', expected char"),
    (char, "\ud800", "expected char"),
    (f32, 1e39, "expected f32"),
    (None, 0, "expected NoneType"),
    (Semver, "1.0", "found '1.0', expected semver version"),
    (Few, untyped_few((1,), (1, 2)), r"pair: found \(1,\), expected 2 values"),
    (Few, Few((1, ""), (1, 2, 3)), r"array: found \(1, 2, 3\), expected 2 values"),
    (Few | Many, board(), r"expected Few \| Many"),
]


@pytest.mark.parametrize(("schema", "value", "message"), MISFITS)
def test_a_value_that_does_not_fit_is_named_with_its_path(
    schema: Any, value: Any, message: str
) -> None:
    with pytest.raises(EncodeError, match=message):
        bitcode.encode(schema, value)


def test_an_f32_is_rounded() -> None:
    assert bitcode.encode(f32, 0.1) == bitcode.encode(f32, 0.10000000149011612)


# --- limits ------------------------------------------------------------------------------------


def chain(length: int) -> Tree:
    tree = Tree(0, [], {}, None)
    for _ in range(length):
        tree = Tree(0, [], {}, tree)
    return tree


def test_structs_nest_as_deep_as_the_limit_both_ways() -> None:
    deepest = chain(Limits().depth_max)
    assert bitcode.decode(Tree, bitcode.encode(Tree, deepest)) == deepest
    with pytest.raises(EncodeError, match="nested too deeply"):
        bitcode.encode(Tree, chain(Limits().depth_max + 1))
    with pytest.raises(DecodeError, match="nested more than 5 deep"):
        bitcode.decode(Tree, bitcode.encode(Tree, chain(6)), limits=Limits(depth_max=5))


def test_a_value_inside_itself_is_refused() -> None:
    tree = chain(0)
    tree.kids.append(tree)
    with pytest.raises(EncodeError, match="nested too deeply"):
        bitcode.encode(Tree, tree)


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(DecodeError, match="nested more than 128 deep"):
        bitcode.decode(Tree, b"\0\1" * 100_000)


@pytest.mark.parametrize("schema", [list[u8], list[bool], list[tuple[u64, u16]], dict[u8, u8]])
def test_a_count_without_the_bytes_for_it_costs_nothing(schema: Any) -> None:
    claim = bytes.fromhex("ff 02 00004000 00")
    tracemalloc.start()
    with pytest.raises(DecodeError):
        bitcode.decode(schema, claim)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 100_000


def test_the_number_of_values_is_limited() -> None:
    data = bitcode.encode(list[u16], [0] * 100)
    assert len(bitcode.decode(list[u16], data, limits=Limits(values_max=101))) == 100
    with pytest.raises(DecodeError, match="100 values here make more than the limit of 100"):
        bitcode.decode(list[u16], data, limits=Limits(values_max=100))


def test_the_number_of_columns_is_limited() -> None:
    data = bitcode.encode(Tree, chain(3))
    assert bitcode.decode(Tree, data, limits=Limits(columns_max=16)) == chain(3)
    with pytest.raises(DecodeError, match="more columns than the limit of 15"):
        bitcode.decode(Tree, data, limits=Limits(columns_max=15))


def test_items_of_size_zero_count_as_values() -> None:
    data = bitcode.encode(list[list[None]], [[None] * 60] * 2)
    with pytest.raises(DecodeError, match="120 values here"):
        bitcode.decode(list[list[None]], data, limits=Limits(values_max=100))


def test_contents_of_byte_vectors_and_texts_do_not_count() -> None:
    data = bitcode.encode(tuple[bytes, str], (bytes(1000), "x" * 1000))
    assert bitcode.decode(tuple[bytes, str], data, limits=Limits(values_max=3))
