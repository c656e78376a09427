"""Reads bitcode: compiles a type tree into functions that visit its positions.

A *position* is a place in the type tree; all values that ever occur there share one column. The
column stands in the input where the position is first visited. So, for each position:

* the call of its `Visit` is the first visit: it reads the column, and the columns of everything
  inside the first value;
* the iterator it returns gives the values one by one, the first included, and reads what is
  visited for the first time inside later values when it comes to them.

`bitcode_encoder` is the mirror image.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import Any

from emu.wire.columns import (
    BIT_LEVEL,
    unpack_bytes,
    unpack_digits,
    unpack_doubles,
    unpack_floats,
    unpack_ints,
    unpack_lengths,
    unpack_texts,
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
    is_zero_sized,
    map_order,
)
from emu.wire.reader import Reader

Visit = Callable[[Reader, int, str], Iterator[Any]]
"""Reader, number of values at the position, path of the position."""

# A sequence of zero-sized items costs no input, so the Rust decoder bounds its length.
_ZERO_SIZED_ITEMS_MAX = 1 << 16

_visits: dict[Node, Visit] = {}


def visit_of(node: Node) -> Visit:
    """The compiled decoder of a position of type `node`; compiled once for each type."""
    if node not in _visits:

        def compiled(reader: Reader, count: int, path: str) -> Iterator[Any]:
            return _visits[node](reader, count, path)

        # A type that contains itself finds this in place of what is not compiled yet.
        _visits[node] = compiled
        _visits[node] = _COMPILERS[type(node)](node)
    return _visits[node]


# --- leaves ------------------------------------------------------------------------------------

_Unpack = Callable[[Reader, int], Iterable[Any]]


def _leaf(unpack: _Unpack) -> Visit:
    def visit(reader: Reader, count: int, path: str) -> Iterator[Any]:
        reader.begin(count, path)
        return iter(unpack(reader, count))

    return visit


def _int(node: IntNode) -> Visit:
    unpack = _int_unpacker(node)
    if node.nonzero:
        return _leaf(lambda reader, count: _nonzero(reader, unpack(reader, count)))
    return _leaf(unpack)


def _int_unpacker(node: IntNode) -> Callable[[Reader, int], Sequence[int]]:
    if node.bits == 8:
        return _unpack_signed_bytes if node.signed else unpack_bytes
    kind = width(node.bits // 8, signed=node.signed)
    return lambda reader, count: unpack_ints(reader, count, kind)


def _nonzero(reader: Reader, numbers: Sequence[int]) -> Sequence[int]:
    if 0 in numbers:
        raise reader.error("found 0, expected a number that is not zero")
    return numbers


def _unpack_signed_bytes(reader: Reader, count: int) -> Sequence[int]:
    return array("b", unpack_bytes(reader, count))


def _unpack_bools(reader: Reader, count: int) -> Iterable[bool]:
    return map(bool, unpack_digits(reader, count, BIT_LEVEL))


_CODE_POINT = width(4)


def _unpack_chars(reader: Reader, count: int) -> Iterable[str]:
    code_points = unpack_ints(reader, count, _CODE_POINT)
    for code_point in code_points:
        if code_point > 0x10FFFF or 0xD800 <= code_point < 0xE000:
            raise reader.error(f"U+{code_point:04X} is not a character")
    return map(chr, code_points)


def _text(node: TextNode) -> Visit:
    accepts = node.accepts
    if accepts is None:
        return _leaf(unpack_texts)

    def unpack(reader: Reader, count: int) -> list[str]:
        texts = unpack_texts(reader, count)
        for text in texts:
            if not accepts(text):
                raise reader.error(f"found {text!r:.60}, expected a {node.name}")
        return texts

    return _leaf(unpack)


def _enum(node: EnumNode) -> Visit:
    members = list(node.cls)

    def unpack(reader: Reader, count: int) -> Iterable[Any]:
        return map(members.__getitem__, _tags(reader, count, node, len(members)))

    return _leaf(unpack)


def _unit(reader: Reader, count: int, path: str) -> Iterator[None]:
    return repeat(None, count)


def _tags(reader: Reader, count: int, node: Node, end: int) -> bytes:
    tags = unpack_bytes(reader, count)
    if max(tags) >= end:
        raise reader.error(f"variant {max(tags)} of {node}; expected less than {end}")
    return tags


# --- values inside values ----------------------------------------------------------------------


def _eager(generate: Visit) -> Visit:
    """Make the call of a generator give its first value, as a `Visit` has to."""

    def visit(reader: Reader, count: int, path: str) -> Iterator[Any]:
        values = generate(reader, count, path)
        return chain((next(values),), values)

    return visit


def _tuple(*values: Any) -> tuple[Any, ...]:
    return values


def _product(make: Callable[..., Any], parts: Sequence[tuple[str, Node]]) -> Visit:
    """Values side by side: no column of their own. Each part comes with its path suffix."""
    visits = [(suffix, visit_of(node)) for suffix, node in parts]
    if not visits:
        return lambda reader, count, path: (make() for _ in range(count))

    def visit(reader: Reader, count: int, path: str) -> Iterator[Any]:
        return map(make, *[part(reader, count, path + suffix) for suffix, part in visits])

    return visit


def _array(node: TupleNode | ArrayNode) -> Visit:
    if isinstance(node, ArrayNode):
        return _product(_tuple, [("[]", node.item)] * node.length)
    return _product(_tuple, [(f"[{index}]", item) for index, item in enumerate(node.items)])


def _checked(visit: Visit, refusal: Callable[[Any], str | None]) -> Visit:
    """Make an error of what `refusal` says of a value."""

    def checked(reader: Reader, count: int, path: str) -> Iterator[Any]:
        for value in visit(reader, count, path):
            reason = refusal(value)
            if reason is not None:
                reader.path = path
                raise reader.error(reason)
            yield value

    return checked


def _struct(node: StructNode) -> Visit:
    product = _product(node.cls, [(f".{field.name}", field.node) for field in node.fields])
    if node.refusal is not None:
        product = _eager(_checked(product, node.refusal))

    def visit(reader: Reader, count: int, path: str) -> Iterator[Any]:
        if path.count(".") > reader.limits.depth_max:
            raise reader.too_deep(path)
        return product(reader, count, path)

    return visit


def _items(
    item: Visit, suffix: str, collect: Callable[[Iterable[Any]], Any], *, zero_sized: bool
) -> Visit:
    """A length, then so many items; `collect` makes the value of them."""

    @_eager
    def visit(reader: Reader, count: int, path: str) -> Iterator[Any]:
        reader.begin(count, path)
        lengths, total = unpack_lengths(reader, count)
        if zero_sized:
            _check_zero_sized(reader, lengths, total)
        items: Iterator[Any] | None = None
        for length in lengths:
            if items is None and length:
                items = item(reader, total, path + suffix)
            yield collect(islice(items or (), length))

    return visit


def _check_zero_sized(reader: Reader, lengths: Sequence[int], total: int) -> None:
    """Items without columns are bounded here, the others by their columns."""
    if max(lengths) > _ZERO_SIZED_ITEMS_MAX:
        raise reader.error(
            f"{max(lengths)} items of size zero; expected at most {_ZERO_SIZED_ITEMS_MAX}"
        )
    reader.count_values(total)


def _seq(node: SeqNode) -> Visit:
    return _items(visit_of(node.item), "[]", list, zero_sized=is_zero_sized(node.item))


def _map(node: MapNode) -> Visit:
    order = map_order(node)

    def collect(entries: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
        # Of equal keys the last one wins.
        table = dict(entries)
        return dict(order(table)) if len(table) > 1 else table

    entry = _product(_tuple, [("{key}", node.key), ("{value}", node.value)])
    return _items(entry, "", collect, zero_sized=is_zero_sized(node.key))


def _tagged(node: OptionNode | UnionNode) -> Visit:
    """An option or an enum: a tag, then the payload that goes with it."""
    if isinstance(node, OptionNode):
        variants = [("", _unit), ("", visit_of(node.item))]
    else:
        variants = [(f"::{variant.name}", visit_of(variant)) for variant in node.variants]

    @_eager
    def visit(reader: Reader, count: int, path: str) -> Iterator[Any]:
        reader.begin(count, path)
        tags = _tags(reader, count, node, len(variants))
        payloads: dict[int, Iterator[Any]] = {}
        for tag in tags:
            if tag not in payloads:
                suffix, variant = variants[tag]
                payloads[tag] = variant(reader, tags.count(tag), path + suffix)
            yield next(payloads[tag])

    return visit


def _blobs(reader: Reader, count: int, path: str) -> Iterator[bytes]:
    """A sequence of `u8`, with whole byte strings for its values."""
    reader.begin(count, path)
    lengths, total = unpack_lengths(reader, count)
    data = b""
    begin = 0
    for length in lengths:
        if length and not data:
            data = unpack_bytes(reader, total)
        yield data[begin : begin + length]
        begin += length


_COMPILERS: dict[type[Any], Callable[[Any], Visit]] = {
    IntNode: _int,
    FloatNode: lambda node: _leaf(unpack_doubles if node.bits == 64 else unpack_floats),
    BoolNode: lambda node: _leaf(_unpack_bools),
    CharNode: lambda node: _leaf(_unpack_chars),
    TextNode: _text,
    BytesNode: lambda node: _eager(_blobs),
    UnitNode: lambda node: _unit,
    EnumNode: _enum,
    StructNode: _struct,
    TupleNode: _array,
    ArrayNode: _array,
    SeqNode: _seq,
    MapNode: _map,
    OptionNode: _tagged,
    UnionNode: _tagged,
}
