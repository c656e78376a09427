"""A diff names every difference by its path, and nothing that is the same."""

from __future__ import annotations

import copy
import dataclasses
import enum
import json
import math
import struct
from collections.abc import Sequence
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.bits import Register, bit, bits
from emu.inspect.diff import BitsChange, BytesChange, Difference, diff
from emu.inspect.values.parts import Naming
from emu.wire import bitcode
from emu.wire.nodes import Node
from emu.wire.schema import HashMap, Struct, f32, f64, schema_of, u8, u16, u32, u64
from harness.strategies.schemas import schemas
from harness.strategies.values import values
from tests.any_schema import any_schema

# --- properties over all schemas ---------------------------------------------------------------


@any_schema
@given(schemas(), st.data())
def test_a_value_does_not_differ_from_its_copy(schema: Node, data: st.DataObject) -> None:
    value = data.draw(values(schema))
    assert diff(schema, value, schema, copy.deepcopy(value)) == []


@any_schema
@given(schemas(), st.data())
def test_two_values_differ_if_and_only_if_their_encodings_do(
    schema: Node, data: st.DataObject
) -> None:
    old, new = data.draw(values(schema)), data.draw(values(schema))
    is_same = bitcode.encode(schema, old) == bitcode.encode(schema, new)
    differences = diff(schema, old, schema, new)
    assert (differences == []) == is_same
    assert json.loads(json.dumps([dataclasses.asdict(d) for d in differences])) is not None
    assert diff(schema, old, schema, new, ignore=["**"]) == []


@any_schema
@given(schemas(), st.data())
def test_the_other_way_round_the_same_paths_differ(schema: Node, data: st.DataObject) -> None:
    old, new = data.draw(values(schema)), data.draw(values(schema))
    there = diff(schema, old, schema, new)
    back = diff(schema, new, schema, old)
    turned = {"added": "removed", "removed": "added"}
    expected = {(d.path, turned.get(d.kind, d.kind)) for d in there if d.kind != "order"}
    assert {(d.path, d.kind) for d in back if d.kind != "order"} == expected


@pytest.mark.parametrize("bits_", [0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_0001, 0x8000 << 48])
def test_floats_are_compared_as_bits(bits_: int) -> None:
    """NaN is the same as itself, and -0.0 is not 0.0: so it is in the encodings."""
    (number,) = struct.unpack("<d", struct.pack("<Q", bits_))
    assert diff(f64, number, f64, number) == []
    (difference,) = diff(f64, 0.0, f64, number)
    assert difference.old == 0.0
    assert diff(f32, math.nan, f32, math.nan) == []


def test_what_both_values_share_is_not_looked_into() -> None:
    """An edit leaves most of a state as it was: showing what it did need not visit all of it."""

    class Sealed(list[int]):
        def __len__(self) -> NoReturn:
            raise AssertionError

    items, shared = schema_of(list[u16]), Sealed([1])
    assert diff(items, shared, items, shared) == []


# --- what is told of a difference --------------------------------------------------------------


class Mode(enum.Enum):
    On = "On"
    Off = "Off"


class Virtio(Struct):
    path: str


class Serial(Struct):
    pass


class CONTROL(Register):
    MODE = bits(3, 2, {0: "user", 1: "kernel"})
    SIZE = bits(31, 16)
    ENABLE = bit(0)


class State(Struct):
    name: str
    mode: Mode
    control: u32
    blob: bytes
    device: Virtio | Serial
    items: list[u16]
    limits: dict[str, u64]
    order: HashMap[u8, u8]
    spare: Virtio | None
    pairs: dict[tuple[u8, u8], u8]


NAMING = Naming(layouts={(State, "control"): CONTROL})
OLD = State(
    name="a", mode=Mode.On, control=0b0101, blob=bytes(40), device=Serial(), items=[1, 2],
    limits={"a": 1, "b": 2}, order={1: 1, 2: 2}, spare=None, pairs={},
)  # fmt: skip


def differences(ignore: Sequence[str] = (), **changes: Any) -> list[Difference]:
    new = dataclasses.replace(OLD, **changes)
    return diff(State, OLD, State, new, naming_a=NAMING, ignore=ignore)


CHANGES: list[tuple[dict[str, Any], list[Difference]]] = [
    ({"name": "b"}, [Difference("name", "changed", "a", "b")]),
    ({"mode": Mode.Off}, [Difference("mode", "changed", "On", "Off")]),
    ({"device": Virtio("/a")},
     [Difference("device", "variant", "Serial", {"Virtio": {"path": "/a"}})]),
    ({"items": [1, 3, 4]},
     [Difference("items[1]", "changed", 2, 3), Difference("items[2]", "added", None, 4)]),
    ({"items": []},
     [Difference("items[0]", "removed", 1), Difference("items[1]", "removed", 2)]),
    ({"limits": {"c": 3, "b": 2}},
     [Difference('limits["a"]', "removed", 1), Difference('limits["c"]', "added", None, 3)]),
    ({"order": {2: 2, 1: 1}}, [Difference("order", "order", ["[1]", "[2]"], ["[2]", "[1]"])]),
    ({"order": {2: 2, 3: 3}},
     [Difference("order[1]", "removed", 1), Difference("order[3]", "added", None, 3)]),
    ({"spare": Virtio("/a")}, [Difference("spare", "changed", None, {"path": "/a"})]),
    ({"pairs": {(1, 2): 3}}, [Difference("pairs[[1,2]]", "added", None, 3)]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), CHANGES, ids=[str(c) for c, _ in CHANGES])
def test_a_difference_has_its_path_kind_and_values(
    changes: dict[str, Any], expected: list[Difference]
) -> None:
    assert differences(**changes) == expected


def test_a_map_in_the_order_of_its_keys_has_no_other_order() -> None:
    assert differences(limits={"b": 2, "a": 1}) == []


def test_a_register_has_the_fields_that_changed_in_words() -> None:
    (difference,) = differences(control=0x0007_0001)
    assert difference == Difference(
        "control", "changed", 5, 0x70001, is_register=True,
        bits=(BitsChange("MODE", "kernel", "user"), BitsChange("SIZE", "0", "7")),
    )  # fmt: skip


def test_bits_without_a_name_are_a_difference_too() -> None:
    (difference,) = differences(control=0b0111)
    assert (difference.old, difference.new, difference.bits) == (5, 7, ())


def test_bytes_are_measured_and_previewed_from_the_first_that_differs() -> None:
    blob = bytes(5) + b"\x01\x02\0\x04" + bytes(20)
    (difference,) = differences(blob=blob)
    assert difference.bytes == BytesChange(
        old_size_bytes=40, new_size_bytes=29, first_offset=5, differing_count=3,
        old_preview=bytes(16).hex(" "), new_preview=blob[5:21].hex(" "),
    )  # fmt: skip
    assert (difference.old, difference.new) == (None, None)


def test_bytes_that_only_end_earlier_differ_from_there() -> None:
    (difference,) = differences(blob=bytes(39))
    assert difference.bytes == BytesChange(40, 39, 39, 0, "00", "")


def test_what_is_ignored_is_no_difference_and_the_rest_is() -> None:
    changes: dict[str, Any] = {"name": "b", "items": [7], "limits": {"a": 9}, "mode": Mode.Off}
    kept = differences(["items[*]", "name", "**[b]"], **changes)
    assert [difference.path for difference in kept] == ["mode", 'limits["a"]']


def test_the_place_of_an_ignored_entry_does_not_matter() -> None:
    assert differences(["order[1]"], order={2: 2, 1: 9}) == []


# --- two schemas -------------------------------------------------------------------------------


class NewMode(enum.Enum):
    Auto = "Auto"
    On = "On"


class NewState(Struct):
    size: u8
    name: str
    mode: NewMode
    control: u64
    blob: list[u8]
    spare: Virtio
    items: list[u16] | None


def test_values_of_two_schemas_are_compared_by_the_names_of_fields() -> None:
    """Enums are compared by variant; an option counts as what is in it."""
    new = NewState(3, "a", NewMode.On, 5, [0], Virtio("/a"), [1, 9])
    found = diff(State, OLD, NewState, new)
    assert [(d.path, d.kind) for d in found] == [
        ("control", "type"),
        ("blob", "type"),
        ("device", "field-removed"),
        ("items[1]", "changed"),
        ("limits", "field-removed"),
        ("order", "field-removed"),
        ("spare", "changed"),
        ("pairs", "field-removed"),
        ("size", "field-added"),
    ]
    assert (found[0].old, found[0].new) == ("u32", "u64")
    assert (found[-1].old, found[-1].new) == (None, 3)
    assert found[4].old == {"a": 1, "b": 2}


def test_a_field_of_one_schema_can_be_ignored() -> None:
    class More(Struct):
        path: str
        more: u8

    assert diff(Virtio, Virtio("/a"), More, More("/a", 1), ignore=["more"]) == []
    assert diff(More, More("/a", 1), Virtio, Virtio("/a"), ignore=["*"]) == []


def test_a_change_of_schema_at_the_root_is_one_of_type() -> None:
    (difference,) = diff(u8, 1, schema_of(str), "1")
    assert difference == Difference("", "type", "u8", "str")
