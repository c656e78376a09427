"""The plainest value of a schema: what tests start from that only care for one part of a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from emu.formats import registry
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
    TupleNode,
    UnionNode,
)


def plainest_snapshot(
    known: Format | str,
    *,
    items: int = 0,
    variant: int = 0,
    put: Mapping[Node, Any] | None = None,
) -> Any:
    """A snapshot with the header that goes with its format.

    Args:
        known: the format, or its id.
        items: how many items a list has, and whether an option is there.
        variant: which variant an enum with payloads has, modulo their number.
        put: values in place of those of some types.
    """
    known = registry.get(known) if isinstance(known, str) else known
    snapshot = _Filler(items, variant, put or {}).value(known.schema)
    snapshot.header.magic = MAGIC_AARCH64
    snapshot.header.version = known.version
    return snapshot


@dataclass(frozen=True)
class _Filler:
    """Makes values: zero, false, empty, and of an enum the first variant."""

    items: int
    variant: int
    put: Mapping[Node, Any] = field(default_factory=dict)

    def value(self, node: Node, around: tuple[Node, ...] = ()) -> Any:
        """A value of a type; `around` are the structs that it is inside of."""
        if not isinstance(node, StructNode):
            return _MAKERS[type(node)](node, partial(self.value, around=around), self)
        if node in self.put:
            return self.put[node]
        # Some lists must stay empty: in a type that contains itself, and in one that has rules.
        is_plain = node not in around and node.refusal is None
        inside = _Filler(self.items if is_plain else 0, self.variant, self.put)
        fields = {f.name: inside.value(f.node, (*around, node)) for f in node.fields}
        return node.cls(**fields)


# What texts with rules of their own begin as.
_TEXTS = {
    "semver version": "1.0.0",
    "KVM capability": "1",
    "MAC address": "06:00:ac:10:00:02",
    "PCI address": "0000:00:01.0",
}

_MAKERS: dict[type, Callable[[Any, Callable[[Node], Any], _Filler], Any]] = {
    IntNode: lambda node, value, filler: max(node.minimum, 0),
    BoolNode: lambda node, value, filler: False,
    TextNode: lambda node, value, filler: _TEXTS.get(node.name, ""),
    BytesNode: lambda node, value, filler: b"",
    EnumNode: lambda node, value, filler: next(iter(node.cls)),
    OptionNode: lambda node, value, filler: value(node.item) if filler.items else None,
    SeqNode: lambda node, value, filler: [value(node.item) for _ in range(filler.items)],
    TupleNode: lambda node, value, filler: tuple(map(value, node.items)),
    ArrayNode: lambda node, value, filler: (value(node.item),) * node.length,
    MapNode: lambda node, value, filler: {},
    UnionNode: lambda node, value, filler: value(
        node.variants[filler.variant % len(node.variants)]
    ),
}
