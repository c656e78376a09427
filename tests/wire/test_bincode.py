"""Properties of the bincode codec over all schemas and all bytes, and values without encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import DecodeError
from emu.wire import bincode
from emu.wire.bincode import BINCODE_1, BINCODE_2, Config
from emu.wire.nodes import Node
from emu.wire.schema import Struct, u8
from harness.strategies.schemas import schemas
from harness.strategies.values import values
from tests.any_schema import any_schema
from tests.wire.shapes import Board, Tree


class Even(Struct):
    number: u8

    def refusal(self) -> str | None:
        return "odd" if self.number % 2 else None


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
