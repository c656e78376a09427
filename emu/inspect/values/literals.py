"""Values as they are written in an assignment, read by the type of their place.

| type | written as |
|---|---|
| integer, bit field | `42`, `0x2a`, `0b101010`, `1_000`; a bit field also as a word that it has |
| float | `1.5`, `1e-3`, `nan`, `-inf` |
| bool | `true`, `false` |
| text | as it is, or as a JSON string if it begins with `"` |
| enum | the name of a variant |
| bytes | hexadecimal digits, spaces between bytes allowed |
| option | `none`, or a value |
| anything else | JSON, as `dump` prints it |
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from emu.errors import EditError, ValueFileError
from emu.inspect.values.parts import Part
from emu.inspect.values.paths import integer
from emu.wire import jsonvalue
from emu.wire.nodes import (
    BoolNode,
    BytesNode,
    CharNode,
    EnumNode,
    FloatNode,
    IntNode,
    Node,
    OptionNode,
    TextNode,
    UnionNode,
    UnitNode,
)
from emu.wire.validate import misfit

NONE = "none"
"""How an option without a value is written."""

_BOOLS = {"true": True, "false": False}


def read(place: Part, text: str) -> Any:
    """The value that `text` stands for at `place`; raises `EditError` if it fits not there."""
    if text == NONE and isinstance(place.node, OptionNode | UnitNode):
        return None
    if text in place.words:
        return place.words[text]
    where = str(place.path) or "the root"
    reader: Callable[[Any, str], Any] = _READERS.get(type(place.kind), _read_json)
    try:
        value = reader(place.kind, text)
    except ValueFileError as error:
        raise EditError(f"{where}: {error}") from error
    except ValueError:
        raise EditError(f"{where}: found {text!r:.60}, expected {_expected(place)}") from None
    message = misfit(place.kind, value)
    if message:
        raise EditError(f"{where}: {message}")
    return value


def _read_json(node: Node, text: str) -> Any:
    return jsonvalue.loads(node, text)


def _read_int(_node: Node, text: str) -> int:
    return integer(text)


def _read_float(_node: Node, text: str) -> float:
    return float(text)


def _read_bool(_node: Node, text: str) -> bool:
    if text not in _BOOLS:
        raise ValueError
    return _BOOLS[text]


def _read_text(_node: Node, text: str) -> str:
    value = json.loads(text) if text.startswith('"') else text
    assert isinstance(value, str)
    return value


def _read_enum(node: EnumNode, text: str) -> Any:
    return node.cls(text)


def _read_bytes(_node: Node, text: str) -> bytes:
    return bytes.fromhex(text)


def _read_union(node: UnionNode, text: str) -> Any:
    """A variant without payload may be named without the quotes of JSON."""
    bare = text in {variant.name for variant in node.variants}
    return jsonvalue.loads(node, json.dumps(text) if bare else text)


_READERS: dict[type[Any], Callable[[Any, str], Any]] = {
    IntNode: _read_int,
    FloatNode: _read_float,
    BoolNode: _read_bool,
    CharNode: _read_text,
    TextNode: _read_text,
    EnumNode: _read_enum,
    BytesNode: _read_bytes,
    UnionNode: _read_union,
}


def _expected(place: Part) -> str:
    """What may be written at a place whose type is no container, for messages."""
    text = _expected_of(place.kind)
    if place.words:
        text += f"; or {', '.join(place.words)}"
    return text + f"; or {NONE}" * isinstance(place.node, OptionNode)


def _expected_of(node: Node) -> str:
    match node:
        case IntNode():
            return f"{node}, {node.minimum} to {node.maximum}, in decimal, 0x… or 0b…"
        case BoolNode():
            return "true or false"
        case EnumNode():
            return f"{node}, one of {', '.join(node.names)}"
        case BytesNode():
            return "bytes as an even number of hexadecimal digits"
        case TextNode() | CharNode():
            return f'{node}, as it is or as a JSON string in "…"'
        case _:
            return str(node)
