"""A value as JSON and back, in the form in which Rust's `serde_json` prints it.

Field and variant names are those of the Rust types; byte vectors are arrays of numbers; a variant
with a payload is an object of one entry; keys of maps are text. A float that is not finite is
`null`, and, as in Rust, is not read back.

>>> from emu.wire.schema import Struct, u8
>>> class Device(Struct):
...     id: str
...     blob: bytes
...     irqs: dict[u8, bool] | None
>>> dumps(Device, Device("eth0", bytes(2), {9: True}))
'{"id":"eth0","blob":[0,0],"irqs":{"9":true}}'
>>> loads(Device, '{"id":"eth0","blob":[0,256],"irqs":null}')
Traceback (most recent call last):
emu.errors.ValueFileError: blob[1]: found 256, expected u8, 0 to 255

Reading is stricter than in Rust, because what is read was edited by hand: a field that is unknown
or missing is an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Never, TypeVar, overload

from emu.errors import ValueFileError
from emu.wire import json_text
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
from emu.wire.schema import schema_of
from emu.wire.validate import misfit, validate

T = TypeVar("T")


def to_json(schema: Any, value: Any) -> Any:
    """`value` in dicts, lists, text, numbers, booleans and None.

    Raises `EncodeError` if it does not fit the schema, and `ValueFileError` for a map whose keys
    JSON has no form for.
    """
    node = schema_of(schema)
    validate(node, value)
    return _dump(node, value)


def dumps(schema: Any, value: Any, *, indent: int | None = None) -> str:
    """`value` as text: as from `serde_json::to_string`, or with `indent=2` `to_string_pretty`."""
    return json_text.write(to_json(schema, value), indent)


@overload
def from_json(schema: type[T], data: Any) -> T: ...
@overload
def from_json(schema: object, data: Any) -> Any: ...
def from_json(schema: Any, data: Any) -> Any:
    """The value that `to_json` made `data` of; raises `ValueFileError` if there is none."""
    return _load(schema_of(schema), data, "")


@overload
def loads(schema: type[T], text: str) -> T: ...
@overload
def loads(schema: object, text: str) -> Any: ...
def loads(schema: Any, text: str) -> Any:
    """The value that `dumps` made `text` of; raises `ValueFileError` if there is none."""
    return from_json(schema, parse(text))


def parse(text: str) -> Any:
    """What `from_json` takes, out of text; raises `ValueFileError` if it is not JSON."""
    try:
        return json.loads(text, object_pairs_hook=_Object)
    except RecursionError:
        raise ValueFileError("the JSON text is nested too deeply") from None
    except ValueError as error:
        raise ValueFileError(f"not JSON: {error}") from None


class _Object(dict[str, Any]):
    """A JSON object that remembers a key that it has twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__()
        self.repeated: str | None = None
        for key, item in pairs:
            if key in self:
                self.repeated = key
            self[key] = item


# --- value to JSON -----------------------------------------------------------------------------


def _dump(node: Node, value: Any) -> Any:
    dump = _DUMPS.get(type(node))
    return value if dump is None else dump(node, value)


def _dump_fields(node: StructNode, value: Any) -> Any:
    parts = {field.name: _dump(field.node, getattr(value, field.name)) for field in node.fields}
    match node.shape:
        case "struct":
            return parts
        case "tuple":
            return list(parts.values())
        case "newtype":
            return parts["_0"]
        case "unit":
            return None


def _dump_union(node: UnionNode, value: Any) -> Any:
    variant = next(variant for variant in node.variants if variant.cls is type(value))
    if variant.shape == "unit":
        return variant.name
    return {variant.name: _dump_fields(variant, value)}


def _dump_map(node: MapNode, value: dict[Any, Any]) -> dict[str, Any]:
    return {_key(node.key, key): _dump(node.value, item) for key, item in map_order(node)(value)}


def _key(node: Node, key: Any) -> str:
    match node:
        case IntNode() | BoolNode():
            return json.dumps(key)
        case TextNode() | CharNode():
            return str(key)
        case EnumNode():
            return str(key.value)
        case _:
            raise ValueFileError(f"a map with keys of type {node} has no JSON form")


_DUMPS: dict[type[Any], Callable[[Any, Any], Any]] = {
    BytesNode: lambda node, value: list(value),
    FloatNode: lambda node, value: json_text.Float(value, node.bits),
    EnumNode: lambda node, value: value.value,
    OptionNode: lambda node, value: None if value is None else _dump(node.item, value),
    SeqNode: lambda node, value: [_dump(node.item, part) for part in value],
    ArrayNode: lambda node, value: [_dump(node.item, part) for part in value],
    TupleNode: lambda node, value: list(map(_dump, node.items, value)),
    MapNode: _dump_map,
    StructNode: _dump_fields,
    UnionNode: _dump_union,
}


# --- JSON to value -----------------------------------------------------------------------------


def _load(node: Node, data: Any, path: str) -> Any:
    return _LOADS[type(node)](node, data, path)


def _reject(path: str, message: str) -> Never:
    where = path.lstrip(".")
    raise ValueFileError(f"{where}: {message}" if where else message)


def _expect(cls: type[T], data: Any, path: str, expected: object) -> T:
    # `bool` is an `int` to Python, and not to JSON.
    if not isinstance(data, cls) or (isinstance(data, bool) and cls is not bool):
        _reject(path, f"found {json.dumps(data, default=str)[:60]}, expected {expected!s:.60}")
    return data


def _leaf(cls: type[Any]) -> Callable[[Any, Any, str], Any]:
    def load(node: Node, data: Any, path: str) -> Any:
        value = _expect(cls, data, path, node)
        message = misfit(node, value)
        return _reject(path, message) if message else value

    return load


def _load_float(node: FloatNode, data: Any, path: str) -> float:
    number = _expect(int if isinstance(data, int) else float, data, path, node)
    if misfit(node, number) or not math.isfinite(number):
        _reject(path, f"found {data:.60}, which is out of the range of {node}")
    return json_text.round_to_f32(number) if node.bits == 32 else float(number)


def _load_bytes(node: BytesNode, data: Any, path: str) -> bytes:
    return bytes(_load_items(IntNode(8), data, path, "an array of bytes"))


def _load_items(item: Node, data: Any, path: str, expected: object) -> list[Any]:
    parts = _expect(list, data, path, expected)
    return [_load(item, part, f"{path}[{index}]") for index, part in enumerate(parts)]


def _load_tuple(items: tuple[Node, ...], data: Any, path: str) -> tuple[Any, ...]:
    parts = _expect(list, data, path, f"an array of {len(items)}")
    if len(parts) != len(items):
        _reject(path, f"found {len(parts)} items, expected {len(items)}")
    return tuple(
        _load(item, part, f"{path}[{index}]")
        for index, (item, part) in enumerate(zip(items, parts, strict=True))
    )


def _object(data: Any, path: str, expected: object) -> Mapping[str, Any]:
    entries: dict[str, Any] = _expect(dict, data, path, expected)
    if isinstance(entries, _Object) and entries.repeated is not None:
        _reject(path, f"the key {entries.repeated!r} comes twice")
    return entries


def _load_map(node: MapNode, data: Any, path: str) -> dict[Any, Any]:
    entries: dict[Any, Any] = {}
    for text, item in _object(data, path, node).items():
        key = _load_key(node.key, text, path)
        if key in entries:
            _reject(path, f"the key {text!r} stands for an entry that is there already")
        entries[key] = _load(node.value, item, f"{path}[{text!r}]")
    return entries


def _load_key(node: Node, key: str, path: str) -> Any:
    where = f"{path}{{{key!r}}}"
    if not isinstance(node, IntNode | BoolNode):
        return _load(node, key, where)
    try:
        value = json.loads(key)
    except ValueError:
        value = key
    return _load(node, value, where)


def _load_enum(node: EnumNode, data: Any, path: str) -> Any:
    name = _expect(str, data, path, node)
    if name not in node.names:
        _reject(path, f"found {name!r:.60}, expected one of {', '.join(node.names)}")
    return node.cls(name)


def _load_fields(node: StructNode, data: Any, path: str) -> Any:
    match node.shape:
        case "struct":
            return _load_struct(node, data, path)
        case "tuple":
            return node.cls(*_load_tuple(tuple(f.node for f in node.fields), data, path))
        case "newtype":
            return node.cls(_load(node.fields[0].node, data, path))
        case "unit":
            _expect(type(None), data, path, "null")
            return node.cls()


def _load_struct(node: StructNode, data: Any, path: str) -> Any:
    entries = _object(data, path, node)
    names = [field.name for field in node.fields]
    for name in entries:
        if name not in names:
            _reject(path, f"unknown field {name!r}; {node} has {', '.join(names)}")
    for name in names:
        if name not in entries:
            _reject(path, f"the field {name!r} of {node} is missing")
    return node.cls(*[_load(f.node, entries[f.name], f"{path}.{f.name}") for f in node.fields])


def _load_union(node: UnionNode, data: Any, path: str) -> Any:
    entries = {data: None} if isinstance(data, str) else _object(data, path, node)
    variants = {variant.name: variant for variant in node.variants}
    for name, payload in entries.items():
        variant = variants.get(name)
        if variant and len(entries) == 1 and (variant.shape == "unit") == isinstance(data, str):
            return _load_fields(variant, payload, f"{path}::{name}")
    return _reject(path, f"found {', '.join(entries) or 'nothing'}, expected one of {node}")


_LOADS: dict[type[Any], Callable[[Any, Any, str], Any]] = {
    IntNode: _leaf(int),
    BoolNode: _leaf(bool),
    CharNode: _leaf(str),
    TextNode: _leaf(str),
    UnitNode: _leaf(type(None)),
    FloatNode: _load_float,
    BytesNode: _load_bytes,
    EnumNode: _load_enum,
    OptionNode: lambda node, data, path: None if data is None else _load(node.item, data, path),
    SeqNode: lambda node, data, path: _load_items(node.item, data, path, node),
    ArrayNode: lambda node, data, path: _load_tuple((node.item,) * node.length, data, path),
    TupleNode: lambda node, data, path: _load_tuple(node.items, data, path),
    MapNode: _load_map,
    StructNode: _load_fields,
    UnionNode: _load_union,
}
