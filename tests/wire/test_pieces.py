"""An encoding is cut into pieces without a gap, and each piece is what it is called."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from emu.wire import bincode, bitcode
from emu.wire.nodes import Node
from emu.wire.pieces import Piece, bincode_pieces, bitcode_pieces
from emu.wire.schema import Struct, u8, u32
from harness.strategies.schemas import schemas
from harness.strategies.values import values


class Queue(Struct):
    ready: bool
    ring: list[u32]


class Device(Struct):
    id: str
    queues: list[Queue]
    blob: bytes | None
    table: dict[u8, str]


DEVICE = Device("né", [Queue(True, [7]), Queue(False, [])], b"xy", {2: "b", 1: "a"})


def assert_seamless(pieces: list[Piece], data: bytes) -> None:
    """The pieces are all of `data`, in order."""
    offset = 0
    for piece in pieces:
        assert piece.offset == offset
        assert piece.size_bytes > 0
        offset += piece.size_bytes
    assert offset == len(data)


@given(st.data())
def test_the_pieces_of_a_bincode_encoding_are_all_of_it(data: st.DataObject) -> None:
    node: Node = data.draw(schemas())
    value = data.draw(values(node))
    assert_seamless(list(bincode_pieces(node, value)), bincode.encode(node, value))


@given(st.data())
def test_the_pieces_of_a_bitcode_encoding_are_all_of_it(data: st.DataObject) -> None:
    node: Node = data.draw(schemas())
    encoded = bitcode.encode(node, data.draw(values(node)))
    assert_seamless(list(bitcode_pieces(node, encoded)), encoded)


def test_each_piece_of_a_bincode_encoding_holds_what_its_path_says() -> None:
    data = bincode.encode(Device, DEVICE)
    found: dict[tuple[str, str], Any] = {}
    for piece in bincode_pieces(Device, DEVICE):
        found[piece.path, piece.kind] = data[piece.offset : piece.offset + piece.size_bytes]
    assert found["id", "length"] == bytes([3, 0, 0, 0, 0, 0, 0, 0])
    assert found["id", "content"] == "né".encode()
    assert found["queues[0].ready", "tag"] == b"\1"
    assert found["queues[0].ring[0]", "number"] == b"\7\0\0\0"
    assert found["queues[1].ring", "length"] == bytes(8)
    assert found["blob", "tag"] == b"\1"
    assert found["blob", "content"] == b"xy"
    # A map is written in the order of its keys.
    keys = [piece for (path, _), piece in found.items() if path.startswith("table{")]
    assert keys == [b"\1", b"\2"]


def test_a_column_of_a_bitcode_encoding_is_named_by_its_place_in_the_type() -> None:
    data = bitcode.encode(Device, DEVICE)
    paths = [piece.path for piece in bitcode_pieces(Device, data)]
    assert paths[:4] == ["id", "queues", "queues[].ready", "queues[].ring"]
