"""Properties of the bitcode codec over all schemas and all bytes, and its limits."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import DecodeError, EncodeError
from emu.wire import bitcode
from emu.wire.bitcode import Limits
from emu.wire.nodes import Node
from emu.wire.schema import Struct, char, u8, u16, u64
from harness.strategies.schemas import schemas
from harness.strategies.values import values
from tests.any_schema import any_schema
from tests.wire.shapes import Board, Tree


class Many(Struct):
    letter: char


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
