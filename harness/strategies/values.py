"""Values of any schema, as a Hypothesis strategy.

>>> from emu.wire.schema import u8
>>> from hypothesis import find
>>> find(values(list[u8]), lambda items: sum(items) > 300)
[46, 255]
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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

_Inner = Callable[[Node], SearchStrategy[Any]]
"""Makes the strategy of a type inside the one at hand."""


@overload
def values(schema: type[T]) -> SearchStrategy[T]: ...
@overload
def values(schema: object) -> SearchStrategy[Any]: ...
def values(schema: Any) -> SearchStrategy[Any]:
    """All values of a `Struct` class, an annotation or a node, except for floats that are NaN.

    (NaN is left out because it does not equal itself.) Values that the type's `refusal` speaks
    against are left out too. A type that contains itself comes at most three levels deep.
    """
    return _values((), schema_of(schema))


def _values(around: tuple[type, ...], node: Node) -> SearchStrategy[Any]:
    """`around` are the structs that this type is inside of."""
    if isinstance(node, StructNode):
        if around.count(node.cls) >= _RECURSION_MAX:
            return st.nothing()
        around = (*around, node.cls)
    return _STRATEGIES[type(node)](node, partial(_values, around))


def _integers(node: IntNode, inner: _Inner) -> SearchStrategy[int]:
    # Small numbers are packed more tightly, each range of them in its own way.
    small = st.integers(max(node.minimum, -128), min(node.maximum, 255))
    return small | st.integers(node.minimum, node.maximum)


def _texts(node: TextNode, inner: _Inner) -> SearchStrategy[str]:
    texts = st.text() if node.pattern is None else st.from_regex(node.pattern, fullmatch=True)
    return texts if node.accepts is None else texts.filter(node.accepts)


def _maps(node: MapNode, inner: _Inner) -> SearchStrategy[dict[Any, Any]]:
    key, value = inner(node.key), inner(node.value)
    # Where recursion ends there is no value, hence no entry; `dictionaries` would ask for keys.
    return st.builds(dict) if value.is_empty else st.dictionaries(key, value)


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
    SeqNode: lambda node, inner: st.lists(inner(node.item)),
    ArrayNode: lambda node, inner: st.tuples(*[inner(node.item)] * node.length),
    TupleNode: lambda node, inner: st.tuples(*map(inner, node.items)),
    MapNode: _maps,
    StructNode: _structs,
    UnionNode: lambda node, inner: st.one_of(*map(inner, node.variants)),
}
