"""Values as JSON: what Rust prints, and what is wrong with text that was edited."""

from __future__ import annotations

import enum
import math
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import EncodeError, ValueFileError
from emu.wire import jsonvalue
from emu.wire.nodes import (
    ArrayNode,
    FloatNode,
    MapNode,
    Node,
    OptionNode,
    StructNode,
    TupleNode,
    UnitNode,
)
from emu.wire.schema import Array, Struct, char, f32, f64, i8, schema_of, u8, u64, u128
from emu.wire.semver import Semver
from harness.strategies.schemas import parts_of, schemas
from harness.strategies.values import values
from tests.any_schema import any_schema


class Power(enum.Enum):
    ON = "On"
    OFF = "Off"


class Unit(Struct):
    pass


class Newtype(Struct):
    _0: u8


class Pair(Struct):
    _0: u8
    _1: str


class Point(Struct):
    x: u8
    y: u8 | None


Shape = Unit | Newtype | Pair | Point

FORMS: list[tuple[Any, Any, str]] = [
    (u64, (1 << 64) - 1, "18446744073709551615"),
    (u128, (1 << 128) - 1, "340282366920938463463374607431768211455"),
    (i8, -128, "-128"),
    (bool, True, "true"),
    (f64, 1.0, "1.0"),
    (f64, 3, "3.0"),
    (f32, 0.5, "0.5"),
    (char, "\N{PENGUIN}", '"\N{PENGUIN}"'),
    (str, "a\0", '"a\\u0000"'),
    (bytes, b"\0\xff", "[0,255]"),
    (None, None, "null"),
    (u8 | None, None, "null"),
    (u8 | None, 0, "0"),
    (list[bool], [True], "[true]"),
    (tuple[u8, str], (1, ""), '[1,""]'),
    (Annotated[Any, Array(u8, 2)], (1, 2), "[1,2]"),
    (dict[u8, u8], {10: 1, 9: 2}, '{"9":2,"10":1}'),
    (dict[i8, u8], {-1: 1}, '{"-1":1}'),
    (dict[bool, u8], {True: 1}, '{"true":1}'),
    (dict[char, u8], {"c": 1}, '{"c":1}'),
    (dict[Power, u8], {Power.OFF: 1, Power.ON: 2}, '{"On":2,"Off":1}'),
    (Power, Power.OFF, '"Off"'),
    (Unit, Unit(), "null"),
    (Newtype, Newtype(1), "1"),
    (Pair, Pair(1, "a"), '[1,"a"]'),
    (Point, Point(1, None), '{"x":1,"y":null}'),
    (Shape, Unit(), '"Unit"'),
    (Shape, Newtype(1), '{"Newtype":1}'),
    (Shape, Pair(1, "a"), '{"Pair":[1,"a"]}'),
    (Shape, Point(1, 2), '{"Point":{"x":1,"y":2}}'),
]


@pytest.mark.parametrize(("schema", "value", "text"), FORMS)
def test_each_type_has_the_form_of_serde(schema: Any, value: Any, text: str) -> None:
    assert jsonvalue.dumps(schema, value) == text
    assert jsonvalue.loads(schema, text) == value


def test_what_is_not_finite_becomes_null_and_is_not_read_back() -> None:
    assert jsonvalue.dumps(list[f64], [math.nan, math.inf]) == "[null,null]"
    with pytest.raises(ValueFileError, match=r"\[0\]: found null, expected f64"):
        jsonvalue.loads(list[f64], "[null]")


def test_an_f32_is_rounded_when_it_is_read() -> None:
    assert jsonvalue.loads(f32, "0.1") == 0.10000000149011612


def has_json_form(schema: Node) -> bool:
    """Whether JSON tells all values apart.

    It does not if a map has tuples for keys, a float may be infinite, or, as in `serde_json`, what
    an option holds is null as well.
    """
    return not any(
        isinstance(node, FloatNode)
        or (isinstance(node, MapNode) and isinstance(node.key, TupleNode | ArrayNode))
        or (isinstance(node, OptionNode) and may_be_null(node.item))
        for node in parts_of(schema)
    )


def may_be_null(node: Node) -> bool:
    """Whether a value of the type is null in JSON: none, a unit, or a newtype of one."""
    if isinstance(node, StructNode):
        return node.shape == "unit" or (
            node.shape == "newtype" and may_be_null(node.fields[0].node)
        )
    return isinstance(node, OptionNode | UnitNode)


@any_schema
@given(schemas().filter(has_json_form), st.data())
def test_every_value_round_trips_through_text(schema: Node, data: st.DataObject) -> None:
    value = data.draw(values(schema))
    indent = data.draw(st.sampled_from([None, 2]))
    assert jsonvalue.loads(schema, jsonvalue.dumps(schema, value, indent=indent)) == value


@any_schema
@given(schemas(), st.text() | st.sampled_from(["[[[]]]", '{"A":{}}', '["A",1,null]', "1e400"]))
def test_any_text_gives_a_value_or_an_error(schema: Node, text: str) -> None:
    try:
        value = jsonvalue.loads(schema, text)
    except ValueFileError as error:
        value = error
    if not isinstance(value, ValueFileError):
        assert jsonvalue.loads(schema, jsonvalue.dumps(schema, value)) == value


class Outer(Struct):
    points: list[Point]
    table: dict[u8, Shape]


def outer(points: str = "[]", table: str = "{}") -> str:
    return f'{{"points":{points},"table":{table}}}'


REFUSED: list[tuple[Any, str, str]] = [
    (Outer, outer('[{"x":1}]'), r"points\[0\]: the field 'y' of Point is missing"),
    (Outer, outer('[{"x":1,"y":2,"z":3}]'), r"points\[0\]: unknown field 'z'; Point has x, y"),
    (Outer, outer('[{"x":1,"y":2,"x":1}]'), r"points\[0\]: the key 'x' comes twice"),
    (Outer, outer('[{"x":256,"y":2}]'), r"points\[0\].x: found 256, expected u8, 0 to 255"),
    (Outer, outer('[{"x":true,"y":2}]'), r"points\[0\].x: found true, expected u8"),
    (Outer, outer('[{"x":1.0,"y":2}]'), r"points\[0\].x: found 1.0, expected u8"),
    (Outer, outer('[{"x":"1","y":2}]'), r'points\[0\].x: found "1", expected u8'),
    (Outer, outer("[[1,2]]"), r"points\[0\]: found \[1, 2\], expected Point"),
    (Outer, outer("{}"), r"points: found {}, expected \[Point\]"),
    (Outer, outer(table='{"1":"Unit","1":"Unit"}'), "table: the key '1' comes twice"),
    (Outer, outer(table='{"1":"Unit"," 1":"Unit"}'), r"table: the key ' 1' stands for an entry"),
    (Outer, outer(table='{"x":"Unit"}'), r"table\{'x'\}: found \"x\", expected u8"),
    (Outer, outer(table='{"01":"Unit"}'), r"table\{'01'\}"),
    (Outer, outer(table='{"256":"Unit"}'), r"table\{'256'\}: found 256, expected u8"),
    (Outer, outer(table='{"1":"Point"}'), r"table\['1'\]: found Point, expected one of Unit"),
    (Outer, outer(table='{"1":{"Unit":null}}'), r"table\['1'\]: found Unit"),
    (Outer, outer(table='{"1":{}}'), r"table\['1'\]: found nothing"),
    (Outer, outer(table='{"1":{"Newtype":1,"Unit":2}}'), r"found Newtype, Unit, expected one of"),
    (Outer, outer(table='{"1":{"Newtype":"a"}}'), r"table\['1'\]::Newtype: found \"a\""),
    (Outer, outer(table='{"1":{"Pair":[1]}}'), r"table\['1'\]::Pair: found 1 items, expected 2"),
    (bytes, "[0,256]", r"\[1\]: found 256"),
    (bytes, '"ab"', 'found "ab", expected an array of bytes'),
    (Annotated[Any, Array(u8, 2)], "[1]", "found 1 items, expected 2"),
    (Power, '"Standby"', "found 'Standby', expected one of On, Off"),
    (Power, "1", "found 1, expected Power"),
    (Power, f'"{"x" * 5000}"', "found 'x{10,60}, expected one of On, Off$"),
    (char, '"ab"', "found 'ab', expected char"),
    (str, '"\\ud800"', "expected str"),
    (Semver, '"5.0"', "found '5.0', expected semver version"),
    (None, "0", "found 0, expected"),
    (Unit, "0", "found 0, expected null"),
    (f32, "1e39", "out of the range of f32"),
    (f64, "1e400", "out of the range of f64"),
    (f64, "NaN", "out of the range of f64"),
    (u8, "", "not JSON: Expecting value"),
    (u8, "1 2", "not JSON: Extra data"),
    (u8, "1" * 5000, "not JSON: Exceeds the limit"),
    (list[u8], "[" * 100_000, "nested too deeply"),
]


@pytest.mark.parametrize(("schema", "text", "message"), REFUSED)
def test_refused_text_says_where_and_why(schema: Any, text: str, message: str) -> None:
    with pytest.raises(ValueFileError, match=message):
        jsonvalue.loads(schema, text)


def test_a_value_that_does_not_fit_is_not_printed() -> None:
    with pytest.raises(EncodeError, match="x: found 256"):
        jsonvalue.to_json(Point, Point(256, None))


def test_a_map_with_keys_that_are_not_scalars_has_no_json_form() -> None:
    with pytest.raises(ValueFileError, match=r"keys of type \(u8, u8\) has no JSON form"):
        jsonvalue.to_json(dict[tuple[u8, u8], u8], {(1, 2): 3})


def test_plain_python_objects_are_read_as_text_is() -> None:
    assert jsonvalue.from_json(Point, {"y": None, "x": 1}) == Point(1, None)
    assert schema_of(Shape) == schema_of(Unit | Newtype | Pair | Point)
