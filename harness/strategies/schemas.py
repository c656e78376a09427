"""Schemas of any shape, as a Hypothesis strategy: for testing codecs, not snapshots."""

from __future__ import annotations

import types
from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

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
    TextNode,
    TupleNode,
    UnionNode,
    UnitNode,
    inner_nodes,
)
from emu.wire.schema import Struct, fields_of, schema_of, struct_of
from emu.wire.semver import Semver

_NAMES = ("A", "B", "C", "D")


# How a struct may contain itself.
_SELF_REFERENCES = ("list[S]", "S | None", "dict[str, S]")

# A struct that refuses values has a `u8` at its end; it refuses those above this one.
_ACCEPTED_MAX = 99


def schemas() -> SearchStrategy[Node]:
    """Type trees of every kind of node; structs may contain themselves, or refuse values."""
    return st.recursive(_leaves(), _containers, max_leaves=12)


def parts_of(schema: Node) -> set[Node]:
    """The type itself and all types inside it."""
    seen: set[Node] = set()
    left = [schema]
    while left:
        node = left.pop()
        if node not in seen:
            seen.add(node)
            left += inner_nodes(node)
    return seen


def _leaves() -> SearchStrategy[Node]:
    plain: list[Node] = [BoolNode(), CharNode(), TextNode(), BytesNode(), UnitNode()]
    floats = [FloatNode(32), FloatNode(64)]
    return _integers() | st.sampled_from([*plain, *floats, schema_of(Semver)]) | _enums()


def _integers() -> SearchStrategy[IntNode]:
    bits = st.sampled_from([8, 16, 32, 64, 128])
    nonzero = st.builds(IntNode, bits, nonzero=st.just(True))
    return st.builds(IntNode, bits, st.booleans()) | nonzero


def _enums() -> SearchStrategy[EnumNode]:
    return st.integers(1, len(_NAMES)).map(_enum)


def _enum(size: int) -> EnumNode:
    members = {name: name for name in _NAMES[:size]}
    return EnumNode(types.new_class("E", (Enum,), exec_body=lambda scope: scope.update(members)))


def _keys() -> SearchStrategy[Node]:
    """Types that may be the key of a map."""
    scalars = _integers() | st.sampled_from([BoolNode(), CharNode(), TextNode()]) | _enums()
    pairs = st.builds(TupleNode, st.tuples(scalars, scalars))
    return st.one_of(scalars, pairs, st.builds(ArrayNode, scalars, st.integers(0, 2)))


def _containers(inner: SearchStrategy[Node]) -> SearchStrategy[Node]:
    # What is None itself can't be told from an option that is None.
    some = inner.filter(lambda node: not isinstance(node, OptionNode | UnitNode))
    several = st.lists(inner, max_size=4)
    structs = (
        several.map(partial(_struct, "S"))
        | several.map(_refusing_struct)
        | st.builds(_recursive_struct, several, st.sampled_from(_SELF_REFERENCES))
    )
    variants = st.lists(st.lists(inner, max_size=3), min_size=1, max_size=4)
    return (
        st.builds(SeqNode, inner)
        | st.builds(OptionNode, some)
        | st.builds(ArrayNode, inner, st.integers(0, 3))
        | st.builds(TupleNode, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(MapNode, _keys(), inner, st.booleans())
        | structs.map(schema_of)
        | variants.map(_union)
    )


def _struct(name: str, items: Sequence[Any], **members: Any) -> type[Struct]:
    """Fields are named as those of a tuple struct if their number is odd."""
    prefix = "_" if len(items) % 2 else "field"
    fields = {f"{prefix}{index}": item for index, item in enumerate(items)}
    namespace = {"__annotations__": fields, **members}
    return types.new_class(name, (Struct,), exec_body=lambda scope: scope.update(namespace))


def _recursive_struct(items: list[Node], self_reference: str) -> type[Struct]:
    return _struct("S", [*items, self_reference])


def _refusing_struct(items: list[Node]) -> type[Struct]:
    def refusal(value: Any) -> str | None:
        last = getattr(value, fields_of(cls)[-1].name)
        return f"{last} is too large" if last > _ACCEPTED_MAX else None

    cls = _struct("S", [*items, IntNode(8)], refusal=refusal)
    return cls


def _union(variants: list[list[Node]]) -> UnionNode:
    named = zip(_NAMES, variants, strict=False)
    return UnionNode(tuple(struct_of(_struct(name, items)) for name, items in named))
