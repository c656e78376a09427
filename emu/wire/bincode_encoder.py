"""Writes bincode: compiles a type tree into functions that append a value's bytes to a list.

`bincode_decoder` is the mirror image.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from emu.errors import EncodeError
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
    map_order,
)

Write = Callable[[list[bytes], Any, int], None]
"""Output, the value, levels of structs that may still follow."""

_pack_length = struct.Struct("<Q").pack
_pack_variant = struct.Struct("<I").pack

_writes: dict[Node, Write] = {}


def write_of(node: Node) -> Write:
    """The compiled encoder of type `node`; compiled once for each type."""
    if node not in _writes:

        def compiled(out: list[bytes], value: Any, depth: int) -> None:
            _writes[node](out, value, depth)

        # A type that contains itself finds this in place of what is not compiled yet.
        _writes[node] = compiled
        _writes[node] = _COMPILERS[type(node)](node)
    return _writes[node]


# --- leaves ------------------------------------------------------------------------------------


def _leaf(pack: Callable[[Any], bytes]) -> Write:
    def write(out: list[bytes], value: Any, depth: int) -> None:
        out.append(pack(value))

    return write


def _number(node: IntNode | FloatNode) -> Write:
    layout = layout_of([node])
    return _leaf(layout.pack) if layout else _leaf(_wide_int(node))


def _wide_int(node: Any) -> Callable[[Any], bytes]:
    """What `struct` has no format for: integers of 128 bits, and those that must not be 0."""

    def pack(value: Any) -> bytes:
        if node.nonzero and value == 0:
            raise ValueError("0 is not nonzero")
        packed: bytes = value.to_bytes(node.bits // 8, "little", signed=node.signed)
        return packed

    return pack


def _pack_char(value: Any) -> bytes:
    # Raises unless it is one character.
    ord(value)
    return _utf8(value)


def _utf8(value: Any) -> bytes:
    encoded: bytes = value.encode()
    return encoded


def _text(node: TextNode) -> Write:
    def pack(value: Any) -> bytes:
        if node.accepts is not None and not node.accepts(value):
            raise ValueError(f"not a {node.name}")
        encoded = _utf8(value)
        return _pack_length(len(encoded)) + encoded

    return _leaf(pack)


def _bytes(out: list[bytes], value: Any, depth: int) -> None:
    if not isinstance(value, bytes):
        raise TypeError("not bytes")
    out += (_pack_length(len(value)), value)


_BOOLS = {False: b"\0", True: b"\1"}


def _unit(out: list[bytes], value: Any, depth: int) -> None:
    if value is not None:
        raise ValueError("a unit is None")


def _enum(node: EnumNode) -> Write:
    packed = {member: _pack_variant(index) for index, member in enumerate(node.cls)}
    return _leaf(packed.__getitem__)


# --- values inside values ----------------------------------------------------------------------


def _product(nodes: Sequence[Node], parts_of: Callable[[Any], Sequence[Any]]) -> Write:
    """Values side by side; `parts_of` takes them out of the value around them."""
    layout = layout_of(nodes)
    if layout is not None:
        pack = layout.pack
        return _leaf(lambda value: pack(*parts_of(value)))
    writes = [write_of(node) for node in nodes]

    def write(out: list[bytes], value: Any, depth: int) -> None:
        for part, write_part in zip(parts_of(value), writes, strict=True):
            write_part(out, part, depth)

    return write


def _same(value: Any) -> Any:
    return value


def _getter(names: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """A function that gives the attributes of those names."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: [getattr(value, name) for name in names]


def _struct(node: StructNode) -> Write:
    fields = node.fields
    product = _product([field.node for field in fields], _getter([field.name for field in fields]))

    def write(out: list[bytes], value: Any, depth: int) -> None:
        if depth < 0:
            raise EncodeError("structs are nested too deeply")
        if not isinstance(value, node.cls):
            raise TypeError(f"not a {node}")
        product(out, value, depth - 1)

    return write


def _seq(node: SeqNode) -> Write:
    code = code_of(node.item)
    if code is not None:
        return _leaf(lambda value: struct.pack(f"<Q{len(value)}{code}", len(value), *value))
    return _items(write_of(node.item), _same)


def _map(node: MapNode) -> Write:
    return _items(_product((node.key, node.value), _same), map_order(node))


def _items(item: Write, items_of: Callable[[Any], Any]) -> Write:
    """A length, then so many items; `items_of` gives them in the order of Rust."""

    def write(out: list[bytes], value: Any, depth: int) -> None:
        out.append(_pack_length(len(value)))
        for part in items_of(value):
            item(out, part, depth)

    return write


def _option(node: OptionNode) -> Write:
    item = write_of(node.item)

    def write(out: list[bytes], value: Any, depth: int) -> None:
        if value is None:
            out.append(b"\0")
        else:
            out.append(b"\1")
            item(out, value, depth)

    return write


def _union(node: UnionNode) -> Write:
    variants = {
        variant.cls: (_pack_variant(index), write_of(variant))
        for index, variant in enumerate(node.variants)
    }

    def write(out: list[bytes], value: Any, depth: int) -> None:
        tag, payload = variants[type(value)]
        out.append(tag)
        payload(out, value, depth)

    return write


_COMPILERS: dict[type[Any], Callable[[Any], Write]] = {
    IntNode: _number,
    FloatNode: _number,
    BoolNode: lambda node: _leaf(_BOOLS.__getitem__),
    CharNode: lambda node: _leaf(_pack_char),
    TextNode: _text,
    BytesNode: lambda node: _bytes,
    UnitNode: lambda node: _unit,
    EnumNode: _enum,
    StructNode: _struct,
    TupleNode: lambda node: _product(node.items, _same),
    ArrayNode: lambda node: _product([node.item] * node.length, _same),
    SeqNode: _seq,
    MapNode: _map,
    OptionNode: _option,
    UnionNode: _union,
}
