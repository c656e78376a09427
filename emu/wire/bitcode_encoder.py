"""Writes bitcode: compiles a type tree into functions that visit its positions.

All values of a position are known at its first visit, because all values of the position around
it are. So, for each position:

* the call of its `Visit` is the first visit: it appends the position's column to the output, with
  all values, and then the columns of everything inside the first value;
* the iterator it returns makes one more visit with each step, which appends what is visited for
  the first time inside the later values.

`bitcode_decoder` is the mirror image.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from operator import attrgetter
from typing import Any

from emu.errors import EncodeError
from emu.wire.columns import (
    pack_bits,
    pack_bytes,
    pack_doubles,
    pack_floats,
    pack_ints,
    pack_lengths,
    pack_signed_bytes,
    pack_texts,
    width,
)
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

Values = Sequence[Any]
Visit = Callable[[list[bytes], Values, int], Iterator[None]]
"""Output, the values at the position (at least one), levels of structs that may still follow."""

# Steps of a position inside which nothing is left to visit.
_DONE: Iterator[None] = repeat(None)

_visits: dict[Node, Visit] = {}


def visit_of(node: Node) -> Visit:
    """The compiled encoder of a position of type `node`; compiled once for each type."""
    if node not in _visits:

        def compiled(out: list[bytes], values: Values, depth: int) -> Iterator[None]:
            return _visits[node](out, values, depth)

        # A type that contains itself finds this in place of what is not compiled yet.
        _visits[node] = compiled
        _visits[node] = _COMPILERS[type(node)](node)
    return _visits[node]


# --- leaves ------------------------------------------------------------------------------------


def _leaf(pack: Callable[[Any], bytes]) -> Visit:
    def visit(out: list[bytes], values: Values, depth: int) -> Iterator[None]:
        out.append(pack(values))
        return _DONE

    return visit


def _int(node: IntNode) -> Visit:
    pack = _int_packer(node)
    return _leaf(_nonzero(pack) if node.nonzero else pack)


def _int_packer(node: IntNode) -> Callable[[Any], bytes]:
    if node.bits == 8:
        return pack_signed_bytes if node.signed else _pack_bytes
    kind = width(node.bits // 8, signed=node.signed)
    return lambda values: pack_ints(values, kind)


def _nonzero(pack: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    def checked(values: Values) -> bytes:
        if 0 in values:
            raise ValueError("0 is not nonzero")
        return pack(values)

    return checked


def _pack_bytes(values: Values) -> bytes:
    return pack_bytes(bytes(values))


_CODE_POINT = width(4)


def _pack_chars(values: Values) -> bytes:
    # A lone surrogate has no UTF-8.
    "".join(values).encode()
    return pack_ints(list(map(ord, values)), _CODE_POINT)


def _text(node: TextNode) -> Visit:
    accepts = node.accepts
    if accepts is None:
        return _leaf(pack_texts)

    def pack(values: Values) -> bytes:
        if not all(map(accepts, values)):
            raise ValueError(f"not a {node.name}")
        return pack_texts(values)

    return _leaf(pack)


def _enum(node: EnumNode) -> Visit:
    tags = {member: tag for tag, member in enumerate(node.cls)}
    return _leaf(lambda values: pack_bytes(bytes([tags[value] for value in values])))


def _unit(out: list[bytes], values: Values, depth: int) -> Iterator[None]:
    if any(value is not None for value in values):
        raise ValueError("a unit is None")
    return _DONE


# --- values inside values ----------------------------------------------------------------------


def _eager(generate: Visit) -> Visit:
    """Make the call of a generator its first step, as a `Visit` has to."""

    def visit(out: list[bytes], values: Values, depth: int) -> Iterator[None]:
        steps = generate(out, values, depth)
        next(steps)
        return steps

    return visit


def _together(steps: list[Iterator[None]]) -> Iterator[Any]:
    """Steps of positions side by side."""
    left = [step for step in steps if step is not _DONE]
    return zip(*left, strict=True) if left else _DONE


def _struct(node: StructNode) -> Visit:
    parts = [(attrgetter(field.name), visit_of(field.node)) for field in node.fields]

    def visit(out: list[bytes], values: Values, depth: int) -> Iterator[None]:
        if depth < 0:
            raise EncodeError("structs are nested too deeply")
        return _together([part(out, list(map(get, values)), depth - 1) for get, part in parts])

    return visit


def _tuple(items: Sequence[Node]) -> Visit:
    """A tuple or an array."""
    parts = [visit_of(item) for item in items]

    def visit(out: list[bytes], values: Values, depth: int) -> Iterator[None]:
        columns = zip(*values, strict=True)
        return _together(
            [part(out, column, depth) for part, column in zip(parts, columns, strict=True)]
        )

    return visit


def _flatten(values: Iterable[Iterable[Any]]) -> list[Any]:
    return list(chain.from_iterable(values))


def _items(item: Visit, flatten: Callable[[Values], Values]) -> Visit:
    """A length, then so many items; `flatten` gives the items of several values."""

    @_eager
    def visit(out: list[bytes], values: Values, depth: int) -> Iterator[None]:
        lengths = list(map(len, values))
        out.append(pack_lengths(lengths))
        steps: Iterator[None] | None = None
        for length in lengths:
            later = length
            if steps is None and length:
                steps = item(out, flatten(values), depth)
                later -= 1
            if steps is not None and steps is not _DONE:
                deque(islice(steps, later), maxlen=0)
            yield

    return visit


def _map(node: MapNode) -> Visit:
    order = map_order(node)
    return _items(_tuple((node.key, node.value)), lambda maps: _flatten(map(order, maps)))


def _option(node: OptionNode) -> Visit:
    item = visit_of(node.item)

    @_eager
    def visit(out: list[bytes], values: Values, depth: int) -> Iterator[None]:
        out.append(pack_bytes(bytes([value is not None for value in values])))
        steps: Iterator[None] | None = None
        for value in values:
            if value is not None:
                if steps is None:
                    steps = item(out, [some for some in values if some is not None], depth)
                else:
                    next(steps)
            yield

    return visit


def _union(node: UnionNode) -> Visit:
    tags = {variant.cls: tag for tag, variant in enumerate(node.variants)}
    variants = {variant.cls: visit_of(variant) for variant in node.variants}

    @_eager
    def visit(out: list[bytes], values: Values, depth: int) -> Iterator[None]:
        out.append(pack_bytes(bytes([tags[type(value)] for value in values])))
        steps: dict[type, Iterator[None]] = {}
        for value in values:
            cls = type(value)
            if cls in steps:
                next(steps[cls])
            else:
                payloads = [same for same in values if type(same) is cls]
                steps[cls] = variants[cls](out, payloads, depth)
            yield

    return visit


_COMPILERS: dict[type[Any], Callable[[Any], Visit]] = {
    IntNode: _int,
    FloatNode: lambda node: _leaf(pack_doubles if node.bits == 64 else pack_floats),
    BoolNode: lambda node: _leaf(pack_bits),
    CharNode: lambda node: _leaf(_pack_chars),
    TextNode: _text,
    BytesNode: lambda node: _items(_leaf(pack_bytes), b"".join),
    UnitNode: lambda node: _unit,
    EnumNode: _enum,
    StructNode: _struct,
    TupleNode: lambda node: _tuple(node.items),
    ArrayNode: lambda node: _tuple([node.item] * node.length),
    SeqNode: lambda node: _items(visit_of(node.item), _flatten),
    MapNode: _map,
    OptionNode: _option,
    UnionNode: _union,
}
