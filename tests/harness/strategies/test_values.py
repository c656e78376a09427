"""The strategies give values that fit their schema, and reach the corners of it."""

from __future__ import annotations

import enum
import math
from typing import Annotated, Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from emu.wire.nodes import Node, inner_nodes
from emu.wire.schema import Array, Struct, f32, i8, u8, u64, u128
from emu.wire.semver import Semver, is_semver
from emu.wire.validate import validate
from harness.strategies.schemas import schemas
from harness.strategies.values import values


class Power(enum.Enum):
    ON = "On"
    OFF = "Off"


class Tree(Struct):
    kids: list[Tree]


class Leaf(Struct):
    _0: u8


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


def test_schemas_of_every_kind_are_generated() -> None:
    seen = set()

    def look(node: Node) -> None:
        seen.add(type(node))
        for inner in inner_nodes(node):
            look(inner)

    @settings(max_examples=300, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(schemas())
    def collect(schema: Node) -> None:
        look(schema)

    collect()
    assert seen == set(NODE_KINDS)
