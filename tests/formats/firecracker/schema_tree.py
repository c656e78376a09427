"""The type tree as text: one paragraph per type, where it is first met."""

from __future__ import annotations

from collections.abc import Iterator

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


def tree(schema: Node) -> str:
    """A heading for each type that has a name, then its fields, or its variants by index."""
    return "".join(
        f"{path or '.'}: {node}\n" + "".join(f"    {line}\n" for line in lines(node))
        for path, node in named_types(schema)
    )


def named_types(schema: Node) -> Iterator[tuple[str, Node]]:
    """Every struct and enum inside a type, in wire order, and the path where it is first met."""
    return _visit("", schema, set())


def _visit(path: str, node: Node, seen: set[Node]) -> Iterator[tuple[str, Node]]:
    if isinstance(node, StructNode | EnumNode | UnionNode):
        if node in seen:
            return
        seen.add(node)
        yield path, node
    for suffix, inner in _inner(node):
        yield from _visit(f"{path}{suffix}".removeprefix("."), inner, seen)


def _inner(node: Node) -> Iterator[tuple[str, Node]]:
    match node:
        case StructNode():
            yield from ((f".{field.name}", field.node) for field in node.fields)
        case UnionNode(variants):
            yield from ((f"<{variant.name}>", variant) for variant in variants)
        case TupleNode(items):
            yield from ((f"[{index}]", item) for index, item in enumerate(items))
        case SeqNode(item) | ArrayNode(item, _):
            yield "[]", item
        case OptionNode(item):
            yield "", item
        case _:
            return


def lines(node: Node) -> list[str]:
    """What a type with a name declares."""
    match node:
        case StructNode():
            return [f"{field.name}: {field.node}" for field in node.fields]
        case UnionNode(variants):
            return [f"{variant.name}: {variant}" for variant in variants]
        case EnumNode():
            return list(node.names)
        case _:
            raise TypeError(node)
