"""The strategies give values that fit their schema, and reach the corners of it."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Annotated, Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from emu.wire.nodes import IntNode, Node, StructNode, UnionNode, inner_nodes
from emu.wire.schema import Array, OnlyVariant, Struct, f32, i8, u8, u64, u128
from emu.wire.semver import Semver, is_semver
from emu.wire.validate import validate
from harness.strategies.schemas import parts_of, schemas
from harness.strategies.values import Overrides, values


class Power(enum.Enum):
    ON = "On"
    OFF = "Off"


class Tree(Struct):
    kids: list[Tree]


class Leaf(Struct):
    _0: u8


class Even(Struct):
    number: u8

    def refusal(self) -> str | None:
        return "odd" if self.number % 2 else None


NonZeroU8 = Annotated[int, IntNode(8, nonzero=True)]
Shape = Leaf | Tree
NODE_KINDS = get_args(Node)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(schemas(), st.data())
def test_every_value_fits_its_schema(schema: Node, data: st.DataObject) -> None:
    validate(schema, data.draw(values(schema)))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (u8, 255),
        (i8, -128),
        (u64, (1 << 64) - 1),
        (u128, 0),
        (u8 | None, None),
        (Power, Power.OFF),
        (f32, math.inf),
        (list[u8], []),
        (dict[u8, bool], {}),
        (Annotated[Any, Array(bool, 2)], (True, False)),
        (Shape, Leaf(0)),
        (Shape, Tree([])),
        (Tree, Tree([Tree([Tree([])])])),
        (NonZeroU8, 1),
        (Even, Even(254)),
        (Annotated[Leaf, OnlyVariant()], Leaf(255)),
    ],
)
def test_corners_are_reached(schema: Any, value: Any) -> None:
    searched = settings(max_examples=20_000, derandomize=True)
    assert find(values(schema), lambda found: bool(found == value), settings=searched) == value


@given(values(Tree))
def test_recursion_ends(tree: Tree) -> None:
    def depth(node: Tree) -> int:
        return 1 + max(map(depth, node.kids), default=0)

    assert depth(tree) <= 3


@given(values(Semver))
def test_text_with_rules_follows_them(text: str) -> None:
    assert is_semver(text)


@given(values(list[Even]), values(list[NonZeroU8]))
def test_refused_values_do_not_come(evens: list[Even], nonzero: list[int]) -> None:
    assert all(even.number % 2 == 0 for even in evens)
    assert 0 not in nonzero


def generated() -> set[Node]:
    """All types in a good number of random schemas."""
    seen: set[Node] = set()

    @settings(max_examples=300, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(schemas())
    def collect(schema: Node) -> None:
        seen.update(parts_of(schema))

    collect()
    return seen


def contains_itself(node: Node) -> bool:
    return any(node in parts_of(inner) for inner in inner_nodes(node))


FEATURES: dict[str, Callable[[Node], bool]] = {
    "nonzero": lambda node: isinstance(node, IntNode) and node.nonzero,
    "one variant": lambda node: isinstance(node, UnionNode) and len(node.variants) == 1,
    "refusal": lambda node: isinstance(node, StructNode) and node.refusal is not None,
    "recursion": contains_itself,
}


def test_schemas_of_every_kind_are_generated() -> None:
    nodes = generated()
    assert set(map(type, nodes)) == set(NODE_KINDS)
    for feature, has in FEATURES.items():
        assert any(map(has, nodes)), feature


class Forest(Struct):
    trees: list[Tree]
    leaves: dict[u8, Leaf]


SEVEN: Overrides = {Leaf: st.just(Leaf(7))}


@given(values(Forest, overrides=SEVEN, max_items=2))
def test_structs_can_be_overridden_and_lists_bounded(forest: Forest) -> None:
    assert len(forest.trees) <= 2
    assert len(forest.leaves) <= 2
    assert all(leaf == Leaf(7) for leaf in forest.leaves.values())


def test_lists_reach_their_bound() -> None:
    find(values(Forest, max_items=2), lambda forest: len(forest.trees) == len(forest.leaves) == 2)


@given(values(list[Shape], overrides=SEVEN))
def test_a_variant_can_be_overridden(shapes: list[Shape]) -> None:
    assert all(shape == Leaf(7) for shape in shapes if isinstance(shape, Leaf))
