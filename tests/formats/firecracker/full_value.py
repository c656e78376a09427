"""A value that leaves out nothing of its schema."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.wire.nodes import (
    ArrayNode,
    BoolNode,
    BytesNode,
    EnumNode,
    IntNode,
    Node,
    OptionNode,
    SeqNode,
    StructNode,
    TextNode,
    TupleNode,
    UnionNode,
)

# A register of each size, from 8 to 2048 bits.
REGISTERS = Aarch64RegisterVec.of((size << 52, 0x80 + size) for size in range(9))

_DEPTH_MAX = 3

_TEXTS = {
    "str": "text",
    "semver version": "1.2.3",
    "KVM capability": "!122",
    "MAC address": "06:00:ac:10:00:02",
    "PCI address": "0000:00:1f.7",
}


def full_value(schema: Node) -> Any:
    """Every option is present, every list has two items or one of each variant.

    Numbers differ from each other. A struct that contains itself does so three times.
    """
    return _Filler().value(schema, ())


class _Filler:
    """Hands out numbers, so that a part that is read for another is noticed."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def value(self, node: Node, around: tuple[type, ...]) -> Any:
        """A value of a type inside the structs `around`."""
        match node:
            case StructNode():
                return self._struct(node, around)
            case UnionNode(variants):
                return self.value(self._any_of(variants), around)
            case OptionNode(item):
                too_deep = isinstance(item, StructNode) and around.count(item.cls) > _DEPTH_MAX
                return None if too_deep else self.value(item, around)
            case SeqNode(item):
                two = item.variants if isinstance(item, UnionNode) else (item, item)
                return [self.value(item, around) for item in two]
            case ArrayNode() | TupleNode():
                return tuple(self.value(item, around) for item in _items(node))
        return self._leaf(node)

    def _struct(self, node: StructNode, around: tuple[type, ...]) -> Any:
        if node.cls is Aarch64RegisterVec:
            return REGISTERS
        inside = (*around, node.cls)
        return node.cls(*(self.value(field.node, inside) for field in node.fields))

    def _leaf(self, node: Node) -> Any:
        match node:
            case IntNode():
                return next(self._numbers) % node.maximum + 1
            case BoolNode():
                return self._any_of([False, True])
            case BytesNode():
                return next(self._numbers).to_bytes(4, "little")
            case EnumNode(cls):
                return self._any_of(list(cls))
            case TextNode(name):
                return _TEXTS[name]
        raise TypeError(node)

    def _any_of(self, values: Sequence[Any]) -> Any:
        return values[next(self._numbers) % len(values)]


def _items(node: ArrayNode | TupleNode) -> tuple[Node, ...]:
    return node.items if isinstance(node, TupleNode) else (node.item,) * node.length
