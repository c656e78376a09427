"""Where in an encoding each field is, for those who want to damage it or to look at its bytes.

>>> from emu.wire import bitcode
>>> from emu.wire.schema import Struct, u16
>>> class Disk(Struct):
...     path: str
...     sectors: u16 | None
>>> for piece in bincode_pieces(Disk, Disk("a.img", None)):
...     print(piece)
0: 8 bytes, length of path
8: 5 bytes, content of path
13: 1 byte, tag of sectors
>>> for piece in bitcode_pieces(Disk, bitcode.encode(Disk, Disk("a.img", None))):
...     print(piece)
0: 6 bytes, column of path
6: 1 byte, column of sectors
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from emu.wire import bitcode_decoder
from emu.wire.nodes import (
    BoolNode,
    BytesNode,
    CharNode,
    EnumNode,
    FloatNode,
    IntNode,
    MapNode,
    Node,
    OptionNode,
    SeqNode,
    TextNode,
    UnionNode,
    map_order,
)
from emu.wire.reader import DEFAULT_LIMITS, Reader
from emu.wire.schema import schema_of
from emu.wire.validate import children

Kind = Literal["number", "tag", "length", "content", "column"]
"""A number; what says which variant follows, or whether one does; how many items follow; text or
bytes; in bitcode, all values of one place of the type together."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of bytes of an encoding.

    Attributes:
        offset: byte offset of its first byte.
        path: the field that it belongs to.
    """

    offset: int
    size_bytes: int
    kind: Kind
    path: str

    def __str__(self) -> str:
        unit = "byte" if self.size_bytes == 1 else "bytes"
        return f"{self.offset}: {self.size_bytes} {unit}, {self.kind} of {self.path}"


def bincode_pieces(schema: Any, value: Any) -> Iterator[Piece]:
    """The pieces of the bincode encoding of a value that fits its schema, in their order."""
    offset = 0
    for kind, size_bytes, path in _bincode(schema_of(schema), value, ""):
        if size_bytes:
            yield Piece(offset, size_bytes, kind, path.lstrip("."))
        offset += size_bytes


_Sized = tuple[Kind, int, str]


def _bincode(node: Node, value: Any, path: str) -> Iterator[_Sized]:
    match node:
        case IntNode(bits) | FloatNode(bits):
            yield "number", bits // 8, path
        case BoolNode():
            yield "tag", 1, path
        case EnumNode():
            yield "tag", 4, path
        case CharNode():
            yield "content", len(value.encode()), path
        case TextNode() | BytesNode():
            yield "length", 8, path
            yield "content", len(value.encode() if isinstance(value, str) else value), path
        case _:
            yield from _bincode_inside(node, value, path)


def _bincode_inside(node: Node, value: Any, path: str) -> Iterator[_Sized]:
    match node:
        case OptionNode():
            yield "tag", 1, path
        case UnionNode():
            yield "tag", 4, path
        case SeqNode() | MapNode():
            yield "length", 8, path
    if isinstance(node, MapNode):
        value = dict(map_order(node)(value))
    for suffix, inner, part in children(node, value):
        yield from _bincode(inner, part, path + suffix)


class _TracingReader(Reader):
    """Remembers where each column begins."""

    __slots__ = ("columns",)

    def __init__(self, data: bytes) -> None:
        super().__init__(data, DEFAULT_LIMITS)
        self.columns: list[tuple[int, str]] = []

    def begin(self, count: int, path: str) -> None:
        self.columns.append((self.pos, path))
        super().begin(count, path)


def bitcode_pieces(schema: Any, data: bytes) -> Iterator[Piece]:
    """The columns of a bitcode encoding, in their order; raises `DecodeError` if it is none."""
    reader = _TracingReader(data)
    next(bitcode_decoder.visit_of(schema_of(schema))(reader, 1, ""))
    reader.end()
    for (begin, path), (end, _) in pairwise([*reader.columns, (len(data), "")]):
        if begin < end:
            yield Piece(begin, end - begin, "column", path.lstrip("."))
