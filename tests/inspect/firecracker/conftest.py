"""States of any release, made by the shape of its schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from emu.formats import envelope, registry
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

# What texts with rules of their own begin as.
_TEXTS = {
    "semver version": "1.0.0",
    "KVM capability": "1",
    "MAC address": "06:00:ac:10:00:02",
    "PCI address": "0000:00:01.0",
}


@dataclass
class Filler:
    """Makes values: numbers are 0, texts empty, and lists as long as it says.

    Attributes:
        items: how many items a list has, and whether an option is there.
        variant: which variant an enum with payloads has, modulo their number.
        put: values in place of those of some types.
    """

    items: int = 0
    variant: int = 0
    put: Mapping[Node, Any] = field(default_factory=dict)

    def value(self, node: Node, around: tuple[Node, ...] = ()) -> Any:
        """A value of a type; `around` are the structs that it is inside of."""
        if not isinstance(node, StructNode):
            return _MAKERS[type(node)](node, partial(self.value, around=around), self)
        if node in self.put:
            return self.put[node]
        # Some lists must stay empty: in a type that contains itself, and in one that has rules.
        is_plain = node not in around and node.refusal is None
        inside = Filler(self.items if is_plain else 0, self.variant, self.put)
        fields = {f.name: inside.value(f.node, (*around, node)) for f in node.fields}
        return node.cls(**fields)


_MAKERS: dict[type, Callable[[Any, Callable[[Node], Any], Filler], Any]] = {
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


def _snapshot(known: Format, **how: Any) -> Any:
    snapshot = Filler(**how).value(known.schema)
    snapshot.header.magic = envelope.MAGIC_AARCH64
    snapshot.header.version = known.version
    return snapshot


@pytest.fixture(scope="session")
def snapshot_of() -> Callable[..., Any]:
    """A function of a format, or its id, and the attributes of `Filler`: a snapshot."""

    def make(known: Format | str, **how: Any) -> Any:
        return _snapshot(registry.get(known) if isinstance(known, str) else known, **how)

    return make
