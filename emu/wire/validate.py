"""Whether a Python value fits its schema, and if not, which part of it does not and why."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from emu.errors import EncodeError
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
)


def validate(schema: Node, value: Any) -> None:
    """Raise `EncodeError` for the first part of `value`, in wire order, that does not fit."""
    for path, node, part in _parts("", schema, value):
        message = misfit(node, part)
        if message:
            raise EncodeError(message, path=path.lstrip("."))


def _parts(path: str, node: Node, value: Any) -> Iterator[tuple[str, Node, Any]]:
    """`value` and then, if it was found to fit, everything inside it."""
    yield path, node, value
    for suffix, inner, part in children(node, value):
        yield from _parts(path + suffix, inner, part)


def children(node: Node, value: Any) -> Iterator[tuple[str, Node, Any]]:
    """Path suffix, type and value of each part directly inside a value that itself fits."""
    match node:
        case StructNode():
            for field in node.fields:
                yield f".{field.name}", field.node, getattr(value, field.name)
        case SeqNode(item) | ArrayNode(item, _):
            yield from ((f"[{index}]", item, part) for index, part in enumerate(value))
        case TupleNode(items):
            yield from (
                (f"[{index}]", *pair) for index, pair in enumerate(zip(items, value, strict=True))
            )
        case MapNode(key, item):
            for name, part in value.items():
                yield f"{{{name!r}}}", key, name
                yield f"[{name!r}]", item, part
        case OptionNode(item) if value is not None:
            yield "", item, value
        case UnionNode(variants):
            variant = next(variant for variant in variants if variant.cls is type(value))
            yield f"::{variant.name}", variant, value


_PYTHON_TYPE: dict[type[Any], type[Any]] = {
    IntNode: int,
    BoolNode: bool,
    CharNode: str,
    TextNode: str,
    BytesNode: bytes,
    UnitNode: type(None),
    SeqNode: list,
    MapNode: dict,
    TupleNode: tuple,
    ArrayNode: tuple,
}


def misfit(node: Node, value: Any) -> str | None:
    """Why `value` is not a value of `node`, without a look at the parts inside; None if it is."""
    cls = _PYTHON_TYPE.get(type(node))
    if cls is not None and not isinstance(value, cls):
        return f"found {value!r:.60}, expected {cls.__name__} for {node!s:.60}"
    fits = _FITS.get(type(node))
    if fits is not None and not fits(node, value):
        return f"found {value!r:.60}, expected {_expected(node)}"
    return None


_FITS: dict[type[Any], Callable[[Any, Any], bool]] = {
    IntNode: lambda node, value: node.minimum <= value <= node.maximum,
    FloatNode: lambda node, value: isinstance(value, float | int) and _is_packable(node, value),
    CharNode: lambda node, value: len(value) == 1 and _is_utf8(value),
    TextNode: lambda node, value: _is_utf8(value) and (node.accepts is None or node.accepts(value)),
    TupleNode: lambda node, value: len(value) == len(node.items),
    ArrayNode: lambda node, value: len(value) == node.length,
    EnumNode: lambda node, value: value in list(node.cls),
    UnionNode: lambda node, value: type(value) in [variant.cls for variant in node.variants],
    StructNode: lambda node, value: isinstance(value, node.cls),
}


def _expected(node: Node) -> str:
    match node:
        case IntNode():
            return f"{node}, {node.minimum} to {node.maximum}"
        case EnumNode():
            return f"{node}, one of {', '.join(node.names)}"
        case TupleNode(items):
            return f"{len(items)} values"
        case ArrayNode(_, length):
            return f"{length} values"
        case _:
            return str(node)


def _is_utf8(text: str) -> bool:
    """Whether the text has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_packable(node: FloatNode, value: float) -> bool:
    """Whether the number is in range; rounding is not held against it."""
    try:
        struct.pack("<f" if node.bits == 32 else "<d", value)
    except OverflowError:
        return False
    return True
