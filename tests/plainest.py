"""The plainest value of a schema: what tests start from that only care for one part of a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emu.formats.envelope import MAGIC_AARCH64
from emu.formats.format import Format
from emu.wire.nodes import (
    ArrayNode,
    BoolNode,
    BytesNode,
    EnumNode,
    IntNode,
    MapNode,
    Node,
    OptionNode,
    SeqNode,
    StructNode,
    TextNode,
    UnionNode,
)


def plainest(node: Node, items: int = 0) -> Any:
    """Zero, none, empty, false, and of an enum the first variant; lists have so many items."""
    return _PLAINEST[type(node)](node, items)


_PLAINEST: dict[type[Any], Callable[[Any, int], Any]] = {
    IntNode: lambda node, items: max(node.minimum, 0),
    BoolNode: lambda node, items: False,
    TextNode: lambda node, items: "",
    BytesNode: lambda node, items: b"",
    OptionNode: lambda node, items: None,
    MapNode: lambda node, items: {},
    EnumNode: lambda node, items: next(iter(node.cls)),
    SeqNode: lambda node, items: [plainest(node.item, items) for _ in range(items)],
    ArrayNode: lambda node, items: (plainest(node.item, items),) * node.length,
    StructNode: lambda node, items: node.cls(*(plainest(f.node, items) for f in node.fields)),
    UnionNode: lambda node, items: plainest(node.variants[0], items),
}


def plainest_snapshot(known: Format, items: int = 0) -> Any:
    """The plainest snapshot with the header that goes with its format."""
    snapshot = plainest(known.schema, items)
    snapshot.header.magic = MAGIC_AARCH64
    snapshot.header.version = known.version
    return snapshot
