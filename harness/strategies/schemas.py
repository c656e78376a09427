"""Schemas of any shape, as a Hypothesis strategy: for testing codecs, not snapshots."""

from __future__ import annotations

import types
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
)
from emu.wire.schema import Struct, schema_of, struct_of
from emu.wire.semver import Semver

_NAMES = ("A", "B", "C", "D")


def schemas() -> SearchStrategy[Node]:
    """Type trees of every kind of node, none of them recursive."""
    return st.recursive(_leaves(), _containers, max_leaves=12)


def _leaves() -> SearchStrategy[Node]:
    plain: list[Node] = [BoolNode(), CharNode(), TextNode(), BytesNode(), UnitNode()]
    floats = [FloatNode(32), FloatNode(64)]
    return _integers() | st.sampled_from([*plain, *floats, schema_of(Semver)]) | _enums()


def _integers() -> SearchStrategy[IntNode]:
    return st.builds(IntNode, st.sampled_from([8, 16, 32, 64, 128]), st.booleans())


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
    structs = st.lists(inner, max_size=4).map(partial(_struct, "S"))
    variants = st.lists(st.lists(inner, max_size=3), min_size=2, max_size=4)
    return (
        st.builds(SeqNode, inner)
        | st.builds(OptionNode, some)
        | st.builds(ArrayNode, inner, st.integers(0, 3))
        | st.builds(TupleNode, st.lists(inner, min_size=1, max_size=3).map(tuple))
        | st.builds(MapNode, _keys(), inner, st.booleans())
        | structs.map(schema_of)
        | variants.map(_union)
    )


def _struct(name: str, items: list[Node]) -> type[Struct]:
    """Fields are named as those of a tuple struct if their number is odd."""
    prefix = "_" if len(items) % 2 else "field"
    fields: dict[str, Any] = {f"{prefix}{index}": item for index, item in enumerate(items)}
    return types.new_class(
        name, (Struct,), exec_body=lambda scope: scope.update(__annotations__=fields)
    )


def _union(variants: list[list[Node]]) -> UnionNode:
    named = zip(_NAMES, variants, strict=False)
    return UnionNode(tuple(struct_of(_struct(name, items)) for name, items in named))
