"""Type trees and values in the JSON that the oracle reads.

`src/schema.rs` and `src/value.rs` are the other side of it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

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

Json = Any

TEXT_RULES = {
    "str": "plain",
    "semver version": "semver",
    "MAC address": "mac_addr",
    "KVM capability": "kvm_capability",
    "PCI address": "pci_bdf",
}
"""The oracle's names of types that are written as text, by what the `TextNode` is called."""

STRUCT_RULES = {
    "Aarch64RegisterVec": "aarch64_registers",
    # What `harness.strategies.schemas` makes up.
    "S": "last_is_below100",
}
"""The oracle's names of structs that refuse some values, by the name of the class."""


# --- types -------------------------------------------------------------------------------------


class _Definition:
    """The JSON of a type tree: structs are defined once, and referred to by name."""

    def __init__(self) -> None:
        self.structs: dict[str, Json] = {}
        self._names: dict[StructNode, str] = {}

    def type_of(self, node: Node) -> Json:
        return _TYPES[type(node)](node, self)

    def name_of(self, node: StructNode) -> str:
        if node not in self._names:
            name = self._names[node] = f"{node.cls.__name__}#{len(self._names)}"
            self.structs[name] = {
                "shape": node.shape,
                "names": [field.name for field in node.fields],
                "types": [self.type_of(field.node) for field in node.fields],
                "rule": None if node.refusal is None else STRUCT_RULES[node.cls.__name__],
            }
        return self._names[node]


def _int(node: IntNode, _: _Definition) -> Json:
    return {"non_zero" if node.nonzero else "int": f"{'i' if node.signed else 'u'}{node.bits}"}


def _map(node: MapNode, inner: _Definition) -> Json:
    kind = "b_tree_map" if node.ordered else "hash_map"
    return {kind: [inner.type_of(node.key), inner.type_of(node.value)]}


def _union(node: UnionNode, inner: _Definition) -> Json:
    names = [variant.name for variant in node.variants]
    return {"union": {"names": names, "payloads": list(map(inner.name_of, node.variants))}}


_TYPES: dict[type[Any], Callable[[Any, _Definition], Json]] = {
    UnitNode: lambda node, inner: "unit",
    BoolNode: lambda node, inner: "bool",
    IntNode: _int,
    FloatNode: lambda node, inner: f"f{node.bits}",
    CharNode: lambda node, inner: "char",
    TextNode: lambda node, inner: {"text": TEXT_RULES[node.name]},
    BytesNode: lambda node, inner: "bytes",
    OptionNode: lambda node, inner: {"option": inner.type_of(node.item)},
    SeqNode: lambda node, inner: {"seq": inner.type_of(node.item)},
    ArrayNode: lambda node, inner: {"array": [inner.type_of(node.item), node.length]},
    TupleNode: lambda node, inner: {"tuple": list(map(inner.type_of, node.items))},
    MapNode: _map,
    EnumNode: lambda node, inner: {"enum": node.names},
    StructNode: lambda node, inner: {"struct": inner.name_of(node)},
    UnionNode: _union,
}


def definition(node: Node) -> Json:
    """What the oracle has to be told of a type."""
    inner = _Definition()
    return {"root": inner.type_of(node), "structs": inner.structs}


# --- values ------------------------------------------------------------------------------------


def dump(node: Node, value: Any) -> Json:
    """A value in the form in which the oracle reads it; a map in the order of the `dict`."""
    return _DUMPS[type(node)](node, value)


def load(node: Node, data: Json) -> Any:
    """The value that the oracle wrote."""
    return _LOADS[type(node)](node, data)


def _same(node: Node, value: Any) -> Any:
    return value


_FLOAT_FORMS = {32: ("<f", "<I"), 64: ("<d", "<Q")}


def _dump_float(node: FloatNode, value: float) -> Json:
    number, bits = _FLOAT_FORMS[node.bits]
    return struct.unpack(bits, struct.pack(number, value))[0]


def _load_float(node: FloatNode, data: Json) -> float:
    number, bits = _FLOAT_FORMS[node.bits]
    value: float = struct.unpack(number, struct.pack(bits, data))[0]
    return value


def _dump_fields(node: StructNode, value: Any) -> Json:
    return [dump(field.node, getattr(value, field.name)) for field in node.fields]


def _load_fields(node: StructNode, data: Json) -> Any:
    fields = zip(node.fields, data, strict=True)
    return node.cls(*[load(field.node, part) for field, part in fields])


def _dump_union(node: UnionNode, value: Any) -> Json:
    index = [variant.cls for variant in node.variants].index(type(value))
    return [index, _dump_fields(node.variants[index], value)]


_DUMPS: dict[type[Any], Callable[[Any, Any], Json]] = {
    UnitNode: _same,
    BoolNode: _same,
    IntNode: lambda node, value: str(value),
    FloatNode: _dump_float,
    CharNode: _same,
    TextNode: _same,
    BytesNode: lambda node, value: value.hex(),
    OptionNode: lambda node, value: None if value is None else [dump(node.item, value)],
    SeqNode: lambda node, value: [dump(node.item, part) for part in value],
    ArrayNode: lambda node, value: [dump(node.item, part) for part in value],
    TupleNode: lambda node, value: list(map(dump, node.items, value)),
    MapNode: lambda node, value: [
        [dump(node.key, key), dump(node.value, part)] for key, part in value.items()
    ],
    EnumNode: lambda node, value: [list(node.cls).index(value), None],
    StructNode: _dump_fields,
    UnionNode: _dump_union,
}

_LOADS: dict[type[Any], Callable[[Any, Json], Any]] = {
    UnitNode: _same,
    BoolNode: _same,
    IntNode: lambda node, data: int(data),
    FloatNode: _load_float,
    CharNode: _same,
    TextNode: _same,
    BytesNode: lambda node, data: bytes.fromhex(data),
    OptionNode: lambda node, data: None if data is None else load(node.item, data[0]),
    SeqNode: lambda node, data: [load(node.item, part) for part in data],
    ArrayNode: lambda node, data: tuple(load(node.item, part) for part in data),
    TupleNode: lambda node, data: tuple(map(load, node.items, data)),
    MapNode: lambda node, data: {load(node.key, key): load(node.value, part) for key, part in data},
    EnumNode: lambda node, data: list(node.cls)[data[0]],
    StructNode: _load_fields,
    UnionNode: lambda node, data: _load_fields(node.variants[data[0]], data[1]),
}
