"""Any value of a schema, quickly: a state is too large to be drawn number by number."""

from __future__ import annotations

from random import Random
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
from tests.formats.firecracker.states import RAM, plain

_DEPTH_MAX = 24
_TEXTS = {"KVM capability": "!122", "MAC address": "06:00:ac:10:00:02"}
_LIKELY = (0, 1, 2, 255, 256, 0x1000, 0x4000_3000, RAM, RAM + 0x20_0000, 1 << 63, (1 << 64) - 1)


def any_value(node: Node, random: Random, depth: int = _DEPTH_MAX) -> Any:
    """A value of a type; numbers are often those that some rule is about."""
    if isinstance(node, StructNode) and node.cls is Aarch64RegisterVec:
        return Aarch64RegisterVec.of(
            (random.choice((0x6060_0000_0015_FFFF, 0x6040_0000_0010_0054, 0)), 0)
            for _ in range(random.randrange(3))
        )
    return _ANY[type(node)](node, random, depth - 1)


def _number(node: IntNode, random: Random, depth: int) -> int:
    number = random.choice((*_LIKELY, random.getrandbits(64)))
    return min(max(number, node.minimum), node.maximum)


def _struct(node: StructNode, random: Random, depth: int) -> Any:
    return node.cls(**{field.name: any_value(field.node, random, depth) for field in node.fields})


def _option(node: OptionNode, random: Random, depth: int) -> Any:
    return None if depth < 0 or random.random() < 0.3 else any_value(node.item, random, depth)


def _list(node: SeqNode, random: Random, depth: int) -> list[Any]:
    return [any_value(node.item, random, depth) for _ in range(random.choice((0, 1, 1, 2, 3)))]


_ANY: dict[type, Any] = {
    StructNode: _struct,
    OptionNode: _option,
    SeqNode: _list,
    IntNode: _number,
    UnionNode: lambda node, random, depth: any_value(random.choice(node.variants), random, depth),
    EnumNode: lambda node, random, depth: random.choice(list(node.cls)),
    ArrayNode: lambda node, random, depth: tuple(
        any_value(node.item, random, depth) for _ in range(node.length)
    ),
    TupleNode: lambda node, random, depth: tuple(
        any_value(item, random, depth) for item in node.items
    ),
    BoolNode: lambda node, random, depth: random.random() < 0.5,
    BytesNode: lambda node, random, depth: random.randbytes(random.choice((0, 1, 4, 18, 32))),
    TextNode: lambda node, random, depth: _TEXTS.get(node.name) or plain(node),
}
