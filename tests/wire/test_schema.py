"""Declarations and the type trees they become."""

from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Any, Optional

import pytest

from emu.wire.nodes import (
    ArrayNode,
    BoolNode,
    BytesNode,
    CharNode,
    EnumNode,
    Field,
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
    is_zero_sized,
    map_order,
)
from emu.wire.schema import (
    Array,
    HashMap,
    Struct,
    char,
    f32,
    f64,
    fields_of,
    i8,
    i128,
    schema_of,
    struct_of,
    u8,
    u16,
    u64,
)


class Power(enum.StrEnum):
    OFF = "Off"
    ON = "On"


class Point(Struct):
    """A point.

    Attributes:
        x: To the right,
            in metres.
        y: Upwards.

    Anything may follow.
    """

    x: u16
    y: u16 = 7


class Pair(Struct):
    _0: u8
    _1: u8


class Newtype(Struct):
    _0: u8


class Nothing(Struct):
    pass


class List(Struct):
    value: u8
    rest: List | None


class Renamed(Struct):
    variant_name = "Some"
    _0: u8


U8 = IntNode(8)

DECLARATIONS: list[tuple[Any, Node]] = [
    (u8, U8),
    (i128, IntNode(128, signed=True)),
    (f32, FloatNode(32)),
    (f64, FloatNode(64)),
    (float, FloatNode(64)),
    (char, CharNode()),
    (bool, BoolNode()),
    (str, TextNode()),
    (bytes, BytesNode()),
    (None, UnitNode()),
    (list[u8], SeqNode(U8)),
    (list[list[bool]], SeqNode(SeqNode(BoolNode()))),
    (dict[u8, str], MapNode(U8, TextNode())),
    (HashMap[u8, str], MapNode(U8, TextNode(), ordered=False)),
    (u8 | None, OptionNode(U8)),
    (Optional[u8], OptionNode(U8)),  # noqa: UP045 (the other spelling of the same)
    (tuple[u8, str], TupleNode((U8, TextNode()))),
    (Annotated[tuple[int, ...], Array(u8, 31)], ArrayNode(U8, 31)),
    (Annotated[Any, Array(Array(u8, 2), 32)], ArrayNode(ArrayNode(U8, 2), 32)),
    (Annotated[u8, "a remark"], U8),
    (Power, EnumNode(Power)),
    (Point, struct_of(Point)),
    (Point | Pair, UnionNode((struct_of(Point), struct_of(Pair)))),
    (Pair | Point | None, OptionNode(UnionNode((struct_of(Pair), struct_of(Point))))),
    (U8, U8),
]


@pytest.mark.parametrize(("declaration", "node"), DECLARATIONS)
def test_each_annotation_has_its_node(declaration: Any, node: Node) -> None:
    assert schema_of(declaration) == node


def test_variants_keep_the_order_in_which_they_are_written() -> None:
    """Python takes `A | B` and `B | A` for equal; on the wire they differ."""
    first, second = schema_of(Point | Pair), schema_of(Pair | Point)
    assert (str(first), str(second)) == ("Point | Pair", "Pair | Point")


class Wrong(enum.Enum):
    ONE = 1


class Same(Struct):
    variant_name = "Point"
    _0: u8


REFUSED: list[tuple[Any, str]] = [
    (int, "give it a width"),
    (list[int], "give it a width"),
    (tuple[u8, ...], "no schema"),
    (set[u8], "no schema"),
    (list, "no schema"),
    (u8 | str, "must be Structs of different names"),
    (Point | Same, "must be Structs of different names"),
    (Wrong, "each member's value must be its variant's name"),
]


@pytest.mark.parametrize(("declaration", "message"), REFUSED)
def test_what_no_schema_can_be_made_of_is_refused(declaration: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        schema_of(declaration)


def test_a_refused_field_is_named() -> None:
    class Bad(Struct):
        good: u8
        bad: int

    with pytest.raises(TypeError, match=r"Bad\.bad: .* give it a width"):
        fields_of(Bad)


def test_an_unknown_name_in_an_annotation_is_named() -> None:
    class Bad(Struct):
        bad: Missing  # type: ignore[name-defined] # noqa: F821 (this is what is tested)

    with pytest.raises(TypeError, match="Bad: name 'Missing' is not defined"):
        fields_of(Bad)


def test_a_struct_is_a_dataclass_with_slots() -> None:
    point = Point(3)
    assert point == Point(x=3, y=7)
    assert dataclasses.replace(point, y=1) == Point(3, 1)
    assert repr(point) == "Point(x=3, y=7)"
    assert not hasattr(point, "__dict__")


def test_fields_come_in_declared_order_with_their_docs() -> None:
    assert fields_of(Point) == (
        Field("x", IntNode(16), "To the right, in metres."),
        Field("y", IntNode(16), "Upwards."),
    )


def test_classes_inside_functions_see_each_other() -> None:
    class Inner(Struct):
        flag: bool

    class Outer(Struct):
        inner: Inner

    assert fields_of(Outer) == (Field("inner", struct_of(Inner)),)


def test_a_type_may_contain_itself() -> None:
    node = struct_of(List)
    assert node.fields[1].node == OptionNode(node)


@pytest.mark.parametrize(
    ("cls", "shape"), [(Point, "struct"), (Pair, "tuple"), (Newtype, "newtype"), (Nothing, "unit")]
)
def test_the_names_of_the_fields_make_the_shape(cls: type[Struct], shape: str) -> None:
    assert struct_of(cls).shape == shape


def test_a_variant_goes_by_another_name_if_it_says_so() -> None:
    assert struct_of(Renamed).name == "Some"
    assert struct_of(Newtype).name == "Newtype"


class Single(enum.Enum):
    ONLY = "Only"


@pytest.mark.parametrize(
    ("schema", "zero_sized"),
    [
        (None, True),
        (Nothing, True),
        (Single, True),
        (tuple[None, Nothing], True),
        (Annotated[Any, Array(u64, 0)], True),
        (Annotated[Any, Array(None, 3)], True),
        (u8, False),
        (Power, False),
        (list[None], False),
        (tuple[None, u8], False),
        (Nothing | Point, False),
    ],
)
def test_zero_sized_types_are_those_of_rust(schema: Any, zero_sized: bool) -> None:
    assert is_zero_sized(schema_of(schema)) == zero_sized


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        (i8, [-1, 0, 1]),
        (str, ["", "Z", "a", "\uffff", "\U00010000"]),
        (Power, [Power.OFF, Power.ON]),
        (u8 | None, [None, 0, 1]),
        (tuple[Power, u8], [(Power.OFF, 2), (Power.ON, 1)]),
        (Annotated[Any, Array(u8, 2)], [(0, 9), (1, 0)]),
    ],
)
def test_maps_are_iterated_in_the_order_of_rust(key: Any, keys: list[Any]) -> None:
    """Enums by index, None before all else, tuples part by part, text by code points."""
    entries = [(name, None) for name in keys]
    ordered = map_order(MapNode(schema_of(key), UnitNode()))
    assert list(ordered(dict(reversed(entries)))) == entries
    kept = map_order(MapNode(schema_of(key), UnitNode(), ordered=False))
    assert list(kept(dict(reversed(entries)))) == entries[::-1]


@pytest.mark.parametrize("key", [Point, list[u8], f64, dict[u8, u8]])
def test_keys_that_python_cannot_hash_or_order_are_refused(key: Any) -> None:
    with pytest.raises(TypeError, match=r"declare it as list\[tuple\[K, V\]\]"):
        map_order(MapNode(schema_of(key), UnitNode()))


def test_nodes_are_printed_as_types() -> None:
    schema = tuple[list[u8], dict[str, bool | None], Annotated[Any, Array(f32, 2)], Point, None]
    assert str(schema_of(schema)) == "([u8], {str: bool?}, [f32; 2], Point, ())"
    assert isinstance(schema_of(Point), StructNode)
