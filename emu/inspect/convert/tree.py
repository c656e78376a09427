"""A value as a tree of named parts, of no schema in particular: what the rules work on.

Each part knows where in the source it was, however far it is moved; what a rule adds was nowhere.

>>> from emu.wire.schema import Struct, schema_of, u8
>>> class Info(Struct):
...     irqs: list[u8]
>>> tree = tree_of(schema_of(Info), Info([5]))
>>> tree
Fields(fields={'irqs': Leaf(value=[5], origin='irqs')}, variant='', origin='')
>>> value_of(schema_of(Info), tree)
Info(irqs=[5])
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.formats.firecracker.v1_9 import GicRegState
from emu.formats.firecracker.v1_13_resources import AddressAllocator, IdAllocator
from emu.wire import jsonvalue
from emu.wire.nodes import (
    ArrayNode,
    BytesNode,
    EnumNode,
    Node,
    OptionNode,
    SeqNode,
    StructNode,
    TupleNode,
    UnionNode,
)
from emu.wire.schema import u64

_WHOLE: Final[dict[type, Any]] = {
    Aarch64RegisterVec: Aarch64RegisterVec,
    GicRegState: GicRegState[u64],
    AddressAllocator: AddressAllocator,
    IdAllocator: IdAllocator,
}
"""Structs that are one leaf, with their schemas: all releases that have them have the same."""


@dataclass(eq=False, slots=True)
class Leaf:
    """A value that is moved, replaced or dropped as a whole.

    Attributes:
        value: as in the source; of an enum of unit variants the name.
        origin: its path in the source; None if it was not there.
    """

    value: Any
    origin: str | None = None


@dataclass(eq=False, slots=True)
class Items:
    """A list of parts."""

    items: list[Tree]
    origin: str | None = None


@dataclass(eq=False, slots=True)
class Fields:
    """A struct.

    Attributes:
        fields: by name, in no order that matters.
        variant: which variant of an enum it is; empty if it is none.
    """

    fields: dict[str, Tree]
    variant: str = ""
    origin: str | None = None


Tree: TypeAlias = Leaf | Items | Fields


# --- to and fro --------------------------------------------------------------------------------


def tree_of(node: Node, value: Any, path: str = "") -> Tree:
    """The tree of a value of the type `node`, which is at `path` of the source."""
    if isinstance(node, OptionNode) and value is not None:
        return tree_of(node.item, value, path)
    match node:
        case UnionNode(variants):
            variant = next(variant for variant in variants if variant.cls is type(value))
            return _fields_of(variant, value, f"{path}::{variant.name}", variant.name)
        case StructNode() if node.cls not in _WHOLE:
            return _fields_of(node, value, path)
        case SeqNode(item) | ArrayNode(item) if _has_parts(item):
            parts = enumerate(value)
            return Items([tree_of(item, part, f"{path}[{n}]") for n, part in parts], path)
    return Leaf(value.value if isinstance(node, EnumNode) else value, path)


def _fields_of(node: StructNode, value: Any, path: str, variant: str = "") -> Fields:
    fields = {
        field.name: tree_of(
            field.node, getattr(value, field.name), f"{path}.{field.name}".removeprefix(".")
        )
        for field in node.fields
    }
    return Fields(fields, variant, path)


def _has_parts(node: Node) -> bool:
    inner = node.item if isinstance(node, OptionNode) else node
    return isinstance(inner, StructNode | UnionNode)


def value_of(node: Node, tree: Tree) -> Any:
    """The value of the type `node` that a tree stands for.

    A tree that has another structure is a fault in the rules: a `ValueError` says where.
    """
    if isinstance(tree, Leaf):
        return _leaf_value(node, tree.value)
    match node:
        case OptionNode(item):
            return value_of(item, tree)
        case UnionNode(variants) if isinstance(tree, Fields):
            variant = next(variant for variant in variants if variant.name == tree.variant)
            return _struct_value(variant, tree)
        case StructNode() if isinstance(tree, Fields):
            return _struct_value(node, tree)
        case SeqNode(item) if isinstance(tree, Items):
            return [value_of(item, part) for part in tree.items]
        case ArrayNode(item) if isinstance(tree, Items):
            return tuple(value_of(item, part) for part in tree.items)
    raise ValueError(f"{tree.origin}: {type(tree).__name__} in place of {node}")


def _struct_value(node: StructNode, tree: Fields) -> Any:
    expected = {field.name for field in node.fields}
    if tree.fields.keys() != expected:
        raise ValueError(f"{node} has {sorted(expected)}, not {sorted(tree.fields)}")
    return node.cls(**{f.name: value_of(f.node, tree.fields[f.name]) for f in node.fields})


def _leaf_value(node: Node, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(node, OptionNode):
        return _leaf_value(node.item, value)
    match node:
        case EnumNode(cls):
            return cls(value)
        case ArrayNode() | TupleNode():
            return tuple(value)
        case BytesNode():
            return bytes(value)
    return value


# --- looking around ----------------------------------------------------------------------------


def inner(tree: Tree) -> Iterator[tuple[str, Tree]]:
    """The parts directly inside a tree, each with the step of a path that leads to it."""
    match tree:
        case Fields(fields):
            yield from ((f".{name}", part) for name, part in fields.items())
        case Items(items):
            yield from ((f"[{index}]", part) for index, part in enumerate(items))


def places(tree: Tree, path: str = "") -> Iterator[tuple[str, Tree]]:
    """A tree and all parts inside it, each with its path."""
    if isinstance(tree, Fields) and tree.variant:
        path += f"::{tree.variant}"
    yield path, tree
    for step, part in inner(tree):
        yield from places(part, f"{path}{step}".removeprefix("."))


def having(tree: Tree, *names: str) -> list[Fields]:
    """Every struct in a tree that has fields of all these names, in the order of the tree."""
    found: list[Fields] = []
    left: list[Tree] = [tree]
    while left:
        part = left.pop()
        if isinstance(part, Fields) and all(name in part.fields for name in names):
            found.append(part)
        inside = part.fields.values() if isinstance(part, Fields) else items(part)
        left += [each for each in reversed([*inside]) if not isinstance(each, Leaf)]
    return found


def items(tree: Tree | None) -> list[Tree]:
    """The parts of a list; none of what is no list of parts, for example an option that is none."""
    return tree.items if isinstance(tree, Items) else []


# --- plain data --------------------------------------------------------------------------------


def plain(tree: Tree) -> Any:
    """A tree as plain JSON data."""
    match tree:
        case Leaf(value) if type(value) in _WHOLE:
            return jsonvalue.to_json(_WHOLE[type(value)], value)
        case Leaf(value):
            return list(value) if isinstance(value, bytes | tuple) else value
        case Items(items):
            return [plain(part) for part in items]
    data = {name: plain(part) for name, part in tree.fields.items()}
    return {tree.variant: data} if tree.variant else data


def planted(data: Any) -> Tree:
    """A tree of plain data, which was nowhere in the source."""
    if isinstance(data, dict):
        return Fields({name: planted(part) for name, part in data.items()})
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return Items([planted(part) for part in data])
    return Leaf(data)
