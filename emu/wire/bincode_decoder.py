"""Reads bincode: compiles a type tree into functions that take a value's bytes off a cursor.

`bincode_encoder` is the mirror image.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from emu.wire.bincode_cursor import Cursor, ReadError
from emu.wire.fixed_width import code_of, layout_of
from emu.wire.nodes import (
    ArrayNode,
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
    StructNode,
    TextNode,
    TupleNode,
    UnionNode,
    UnitNode,
    inner_nodes,
    map_order,
)

Read = Callable[[Cursor, int], Any]
"""Cursor, levels of structs that may still follow."""

_reads: dict[Node, Read] = {}


def read_of(node: Node) -> Read:
    """The compiled decoder of type `node`; compiled once for each type."""
    if node not in _reads:

        def compiled(cursor: Cursor, depth: int) -> Any:
            return _reads[node](cursor, depth)

        # A type that contains itself finds this in place of what is not compiled yet.
        _reads[node] = compiled
        _reads[node] = _COMPILERS[type(node)](node)
    return _reads[node]


# --- leaves ------------------------------------------------------------------------------------


def _number(node: IntNode | FloatNode) -> Read:
    layout = layout_of([node])
    if layout is None:
        return _wide_int(node)
    size, unpack = layout.size, layout.unpack_from

    def read(cursor: Cursor, depth: int) -> Any:
        begin = cursor.pos
        end = begin + size
        if end > cursor.stop:
            raise cursor.short(size)
        cursor.pos = end
        return unpack(cursor.data, begin)[0]

    return read


def _wide_int(node: Any) -> Read:
    """What `struct` has no format for: integers of 128 bits, and those that must not be 0."""

    def read(cursor: Cursor, depth: int) -> int:
        begin = cursor.pos
        value = int.from_bytes(cursor.take(node.bits // 8), "little", signed=node.signed)
        if node.nonzero and not value:
            raise ReadError("found 0, expected a number that is not zero", begin)
        return value

    return read


def _bool(node: BoolNode) -> Read:
    def read(cursor: Cursor, depth: int) -> bool:
        return cursor.take_tag(1, node, 2) == 1

    return read


# What the first byte of a character may be, with the number of bytes that it begins.
_CHAR_WIDTHS = {
    **dict.fromkeys(range(0x80), 1),
    **dict.fromkeys(range(0xC2, 0xE0), 2),
    **dict.fromkeys(range(0xE0, 0xF0), 3),
    **dict.fromkeys(range(0xF0, 0xF5), 4),
}


def _char(cursor: Cursor, depth: int) -> str:
    """UTF-8 without a length."""
    begin = cursor.pos
    cursor.skip_limit_for_char(1)
    lead = cursor.take(1)
    width = _CHAR_WIDTHS.get(lead[0])
    if width is None:
        raise ReadError(f"no character begins with the byte {lead[0]:#04x}", begin)
    cursor.skip_limit_for_char(width - 1)
    encoded = lead + cursor.take(width - 1)
    try:
        return encoded.decode()
    except UnicodeDecodeError as error:
        raise ReadError(f"character is not UTF-8: {error.reason}", begin) from None


def _text(node: TextNode) -> Read:
    accepts = node.accepts

    def read(cursor: Cursor, depth: int) -> str:
        length = cursor.take_length()
        begin = cursor.pos
        try:
            text = cursor.take(length).decode()
        except UnicodeDecodeError as error:
            raise ReadError(f"text is not UTF-8: {error.reason}", begin + error.start) from None
        if accepts is not None and not accepts(text):
            raise ReadError(f"found {text!r:.60}, expected a {node.name}", begin)
        return text

    return read


def _bytes(cursor: Cursor, depth: int) -> bytes:
    return cursor.take(cursor.take_length())


def _unit(cursor: Cursor, depth: int) -> None:
    return None


def _enum(node: EnumNode) -> Read:
    members = list(node.cls)

    def read(cursor: Cursor, depth: int) -> Any:
        return members[cursor.take_tag(4, node, len(members))]

    return read


# --- values inside values ----------------------------------------------------------------------


def _tuple(*values: Any) -> tuple[Any, ...]:
    return values


def _product(make: Callable[..., Any], parts: Sequence[tuple[str, Node]]) -> Read:
    """Values side by side, each with its path suffix."""
    reads = [read_of(node) for _, node in parts]

    def read(cursor: Cursor, depth: int) -> Any:
        values: list[Any] = []
        try:
            for part in reads:
                values.append(part(cursor, depth))
        except ReadError as error:
            error.inside(parts[len(values)][0])
            raise
        return make(*values)

    layout = layout_of(node for _, node in parts)
    return read if layout is None else _packed(make, layout, read)


def _packed(make: Callable[..., Any], layout: struct.Struct, read: Read) -> Read:
    """Read numbers side by side at once; if they are cut off, `read` finds where."""
    size, unpack = layout.size, layout.unpack_from

    def read_at_once(cursor: Cursor, depth: int) -> Any:
        begin = cursor.pos
        end = begin + size
        if end > cursor.stop:
            return read(cursor, depth)
        cursor.pos = end
        return make(*unpack(cursor.data, begin))

    return read_at_once


def _array(node: TupleNode | ArrayNode) -> Read:
    items = node.items if isinstance(node, TupleNode) else (node.item,) * node.length
    return _product(_tuple, [(f"[{index}]", item) for index, item in enumerate(items)])


def _struct(node: StructNode) -> Read:
    product = _product(node.cls, [(f".{field.name}", field.node) for field in node.fields])
    refusal = node.refusal

    def read(cursor: Cursor, depth: int) -> Any:
        begin = cursor.pos
        if depth < 0:
            levels = cursor.limits.depth_max
            raise ReadError(f"structs are nested more than {levels} deep", begin)
        value = product(cursor, depth - 1)
        reason = None if refusal is None else refusal(value)
        if reason is not None:
            raise ReadError(reason, begin)
        return value

    return read


def _seq(node: SeqNode) -> Read:
    item = read_of(node.item)
    empty = _is_empty(node.item)
    code = code_of(node.item)
    width = struct.calcsize(f"<{code or ''}")

    def read(cursor: Cursor, depth: int) -> list[Any]:
        count = cursor.take_count(empty=empty)
        if code and count * width <= cursor.stop - cursor.pos:
            return list(struct.unpack(f"<{count}{code}", cursor.take(count * width)))
        items: list[Any] = []
        try:
            for _ in range(count):
                items.append(item(cursor, depth))
        except ReadError as error:
            error.inside(f"[{len(items)}]")
            raise
        return items

    return read


def _map(node: MapNode) -> Read:
    order = map_order(node)
    entry = _product(_tuple, [("{key}", node.key), ("{value}", node.value)])
    empty = _is_empty(node.key) and _is_empty(node.value)

    def read(cursor: Cursor, depth: int) -> dict[Any, Any]:
        count = cursor.take_count(empty=empty)
        # Of equal keys the last one wins.
        table = dict(entry(cursor, depth) for _ in range(count))
        return dict(order(table))

    return read


def _is_empty(node: Node) -> bool:
    """Whether values of the type occupy no bytes."""
    match node:
        case StructNode() | TupleNode():
            return all(map(_is_empty, inner_nodes(node)))
        case ArrayNode(item, length):
            return length == 0 or _is_empty(item)
        case _:
            return isinstance(node, UnitNode)


def _option(node: OptionNode) -> Read:
    item = read_of(node.item)

    def read(cursor: Cursor, depth: int) -> Any:
        return item(cursor, depth) if cursor.take_tag(1, node, 2) else None

    return read


def _union(node: UnionNode) -> Read:
    reads = [read_of(variant) for variant in node.variants]

    def read(cursor: Cursor, depth: int) -> Any:
        tag = cursor.take_tag(4, node, len(reads))
        try:
            return reads[tag](cursor, depth)
        except ReadError as error:
            error.inside(f"::{node.variants[tag].name}")
            raise

    return read


_COMPILERS: dict[type[Any], Callable[[Any], Read]] = {
    IntNode: _number,
    FloatNode: _number,
    BoolNode: _bool,
    CharNode: lambda node: _char,
    TextNode: _text,
    BytesNode: lambda node: _bytes,
    UnitNode: lambda node: _unit,
    EnumNode: _enum,
    StructNode: _struct,
    TupleNode: _array,
    ArrayNode: _array,
    SeqNode: _seq,
    MapNode: _map,
    OptionNode: _option,
    UnionNode: _union,
}
