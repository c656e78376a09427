"""A value of a schema, made of facts, and the facts of a value: field names and what is in them.

Facts may say more than one schema asks: each release takes the fields that it has. So what
releases share is written once, and what one calls `irqs` and another `gsi` stands side by side.

>>> from emu.wire.schema import Struct, schema_of, u32
>>> class Window(Struct):
...     addr: u32
...     gsi: u32 | None
>>> value_of(schema_of(Window), {"addr": 0x1000, "irqs": [32], "gsi": 0})
Window(addr=4096, gsi=0)
>>> facts_of(Window(addr=4096, gsi=0))
{'addr': 4096, 'gsi': 0}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from dataclasses import fields as fields_of_dataclass
from enum import Enum
from typing import Any

from emu.wire.nodes import (
    ArrayNode,
    EnumNode,
    Node,
    OptionNode,
    SeqNode,
    StructNode,
    TupleNode,
    UnionNode,
)

Facts = dict[str, Any]
"""What is in the fields of a struct, by name."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of an enum that has several, by name, and what is in it."""

    name: str
    facts: Mapping[str, Any]


def value_of(node: Node, facts: Any) -> Any:
    """The value that `facts` say a type has; every value in it is made anew.

    The facts of a struct are a mapping, a dataclass, or what is in its only field. An `Enum` stands
    for its name where the schema has an enum, and for its value where it has a number. Raises
    `KeyError` if a field is not told.
    """
    make: _Maker = _MAKERS.get(type(node), _leaf)
    return make(node, facts)


def facts_of(value: Any) -> Any:
    """What a value says: a mapping for each struct, and the name of each variant of an enum."""
    if is_dataclass(value):
        return {
            field.name: facts_of(getattr(value, field.name)) for field in fields_of_dataclass(value)
        }
    if isinstance(value, list | tuple):
        return [facts_of(part) for part in value]
    return value.value if isinstance(value, Enum) else value


def _leaf(_node: Node, facts: Any) -> Any:
    return facts.value if isinstance(facts, Enum) else facts


def _enum(node: EnumNode, facts: Any) -> Any:
    return node.cls(facts.name if isinstance(facts, Enum) else facts)


def _struct(node: StructNode, facts: Any) -> Any:
    fields = node.fields
    if is_dataclass(facts):
        facts = {field.name: getattr(facts, field.name) for field in fields_of_dataclass(facts)}
    elif not isinstance(facts, Mapping):
        (only,) = fields
        facts = {only.name: facts}
    return node.cls(**{field.name: value_of(field.node, facts[field.name]) for field in fields})


def _union(node: UnionNode, facts: Any) -> Any:
    if not isinstance(facts, Variant):
        (only,) = node.variants
        return _struct(only, facts)
    variants = {variant.name: variant for variant in node.variants}
    return _struct(variants[facts.name], facts.facts)


_Maker = Callable[[Any, Any], Any]

_MAKERS: dict[type[Node], _Maker] = {
    StructNode: _struct,
    UnionNode: _union,
    EnumNode: _enum,
    OptionNode: lambda node, facts: None if facts is None else value_of(node.item, facts),
    SeqNode: lambda node, facts: [value_of(node.item, part) for part in facts],
    ArrayNode: lambda node, facts: tuple(value_of(node.item, part) for part in facts),
    TupleNode: lambda node, facts: tuple(map(value_of, node.items, facts)),
}
