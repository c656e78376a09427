"""Values of any schema, as a Hypothesis strategy.

>>> from emu.wire.schema import u8
>>> from hypothesis import find
>>> find(values(list[u8]), lambda items: sum(items) > 300)
[46, 255]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar, overload

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
    StructNode,
    TextNode,
    TupleNode,
    UnionNode,
    UnitNode,
)
from emu.wire.schema import schema_of

T = TypeVar("T")

# How many levels of one struct there may be.
_RECURSION_MAX = 3

Overrides = Mapping[type, SearchStrategy[Any]]
"""Strategies of structs that are drawn in a way of their own, by class."""

_NO_OVERRIDES: Overrides = MappingProxyType({})


@overload
def values(
    schema: type[T], *, overrides: Overrides = ..., max_items: int | None = ...
) -> SearchStrategy[T]: ...
@overload
def values(
    schema: object, *, overrides: Overrides = ..., max_items: int | None = ...
) -> SearchStrategy[Any]: ...
def values(
    schema: Any, *, overrides: Overrides = _NO_OVERRIDES, max_items: int | None = None
) -> SearchStrategy[Any]:
    """All values of a `Struct` class, an annotation or a node, except for floats that are NaN.

    (NaN is left out because it does not equal itself.) Values that the type's `refusal` speaks
    against are left out too. A type that contains itself comes at most three levels deep.

    Args:
        schema: the type.
        overrides: what is drawn for some of the structs inside it, instead of all their values.
        max_items: how long lists and maps are at most; byte vectors and texts may be longer.
    """
    return _Inner((), overrides, max_items)(schema_of(schema))


@dataclass(frozen=True, slots=True)
class _Inner:
    """Makes the strategy of a type inside the one at hand.

    Attributes:
        around: the structs that the type is inside of.
    """

    around: tuple[type, ...]
    overrides: Overrides
    max_items: int | None

    def __call__(self, node: Node) -> SearchStrategy[Any]:
        if not isinstance(node, StructNode):
            return _STRATEGIES[type(node)](node, self)
        if node.cls in self.overrides:
            return self.overrides[node.cls]
        if self.around.count(node.cls) >= _RECURSION_MAX:
            return st.nothing()
        return _structs(node, replace(self, around=(*self.around, node.cls)))


def _integers(node: IntNode, inner: _Inner) -> SearchStrategy[int]:
    # Small numbers are packed more tightly, each range of them in its own way.
    small = st.integers(max(node.minimum, -128), min(node.maximum, 255))
    return small | st.integers(node.minimum, node.maximum)


def _texts(node: TextNode, inner: _Inner) -> SearchStrategy[str]:
    texts = st.text() if node.pattern is None else st.from_regex(node.pattern, fullmatch=True)
    return texts if node.accepts is None else texts.filter(node.accepts)


def _lists(node: SeqNode, inner: _Inner) -> SearchStrategy[list[Any]]:
    item = inner(node.item)
    # Where recursion ends there is no item.
    return st.builds(list) if item.is_empty else st.lists(item, max_size=inner.max_items)


def _maps(node: MapNode, inner: _Inner) -> SearchStrategy[dict[Any, Any]]:
    key, value = inner(node.key), inner(node.value)
    # Where recursion ends there is no value, hence no entry; `dictionaries` would ask for keys.
    if value.is_empty:
        return st.builds(dict)
    return st.dictionaries(key, value, max_size=inner.max_items)


def _structs(node: StructNode, inner: _Inner) -> SearchStrategy[Any]:
    fields = {field.name: inner(field.node) for field in node.fields}
    structs: SearchStrategy[Any] = st.builds(node.cls, **fields)
    refusal = node.refusal
    return structs if refusal is None else structs.filter(lambda value: refusal(value) is None)


_STRATEGIES: dict[type[Any], Callable[[Any, _Inner], SearchStrategy[Any]]] = {
    IntNode: _integers,
    FloatNode: lambda node, inner: st.floats(width=node.bits, allow_nan=False),
    BoolNode: lambda node, inner: st.booleans(),
    CharNode: lambda node, inner: st.characters(exclude_categories=["Cs"]),
    TextNode: _texts,
    BytesNode: lambda node, inner: st.binary(),
    UnitNode: lambda node, inner: st.none(),
    EnumNode: lambda node, inner: st.sampled_from(list(node.cls)),
    OptionNode: lambda node, inner: st.none() | inner(node.item),
    SeqNode: _lists,
    ArrayNode: lambda node, inner: st.tuples(*[inner(node.item)] * node.length),
    TupleNode: lambda node, inner: st.tuples(*map(inner, node.items)),
    MapNode: _maps,
    UnionNode: lambda node, inner: st.one_of(*map(inner, node.variants)),
}
