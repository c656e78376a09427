"""An edit changes what it names and nothing else, and checks types and ranges."""

from __future__ import annotations

import copy
import enum
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from emu.arch.bits import Register, bit, bits
from emu.errors import EditError, PathError, ValueFileError
from emu.inspect.diff import Difference, diff
from emu.inspect.edit import edit
from emu.inspect.values.containers import container_of, walk
from emu.inspect.values.lookup import resolve
from emu.inspect.values.parts import Naming, Part, root
from emu.wire import bitcode
from emu.wire.nodes import Node, SeqNode
from emu.wire.schema import Array, HashMap, Struct, char, f32, u8, u64
from emu.wire.semver import Semver
from harness.strategies.schemas import schemas
from harness.strategies.values import values
from tests.any_schema import any_schema

Literal = Callable[[Part, Any], str]


# --- properties over all schemas ---------------------------------------------------------------


@any_schema
@given(schemas(), st.data())
def test_another_value_for_a_leaf_is_the_only_difference(
    literal: Literal, schema: Node, data: st.DataObject
) -> None:
    old = data.draw(values(schema))
    leaves = [part for part in walk(root(schema, old)) if container_of(part) is None]
    assume(leaves)
    leaf = leaves[data.draw(st.integers(0, len(leaves) - 1))]
    value = data.draw(values(leaf.kind))
    before = copy.deepcopy(old)
    new = edit(schema, old, [_assignment(literal, leaf, value)])
    assert old == before
    is_same = bitcode.encode(schema, old) == bitcode.encode(schema, new)
    changed = [difference.path for difference in diff(schema, old, schema, new)]
    assert changed == ([] if is_same else [str(leaf.path)])
    assert resolve(root(schema, new), leaf.path).value == value


@any_schema
@given(schemas(), st.data())
def test_the_differences_made_one_by_one_turn_one_value_into_the_other(
    literal: Literal, schema: Node, data: st.DataObject
) -> None:
    old, new = data.draw(values(schema)), data.draw(values(schema))
    differences = diff(schema, old, schema, new)
    # No assignment puts entries into another order.
    assume(all(difference.kind != "order" for difference in differences))
    gone = [difference.path for difference in differences if difference.kind == "removed"]
    made = [
        _assignment_of(literal, difference, root(schema, new))
        for difference in differences
        if difference.kind != "removed"
    ]
    result = edit(schema, old, made, delete=gone)
    assert bitcode.encode(schema, result) == bitcode.encode(schema, new)


def _assignment_of(literal: Literal, difference: Difference, new: Part) -> str:
    part = resolve(new, difference.path)
    text = _assignment(literal, part, part.value)
    outer = resolve(new, type(part.path)(part.path.steps[:-1])) if part.path.steps else None
    if difference.kind == "added" and outer and isinstance(outer.kind, SeqNode):
        return f"{outer.path}[+]={text.removeprefix(f'{part.path}=')}"
    return text


def _assignment(literal: Literal, part: Part, value: Any) -> str:
    try:
        return f"{part.path}={literal(part, value)}"
    except ValueFileError:
        reject()  # a value that JSON has no form for


# --- notations ---------------------------------------------------------------------------------


class Mode(enum.Enum):
    On = "On"
    Off = "Off"


class Number(Struct):
    _0: u8


class Nothing(Struct):
    pass


class Inner(Struct):
    level: u8
    name: str | None


class All(Struct):
    number: u8
    big: u64
    flag: bool
    text: str
    version: Semver
    mode: Mode
    ratio: f32
    blob: bytes
    unit: None
    letter: char
    variant: Number | Nothing
    inner: Inner | None
    items: list[u8]
    fixed: Annotated[tuple[int, ...], Array(u8, 2)]
    limits: HashMap[str, u64]


class CONTROL(Register):
    MODE = bits(3, 2, {0: "user", 1: "kernel"})
    ENABLE = bit(0)


NAMING = Naming(layouts={(All, "big"): CONTROL})


def example() -> All:
    return All(
        number=1,
        big=0b0101,
        flag=False,
        text="a",
        version="1.0.0",
        mode=Mode.On,
        ratio=0.5,
        blob=b"",
        unit=None,
        letter="x",
        variant=Nothing(),
        inner=Inner(3, "root"),
        items=[1, 2, 3],
        fixed=(1, 2),
        limits={"b": 1, "a": 2},
    )


def edited(*assignments: str, delete: tuple[str, ...] = ()) -> All:
    result = edit(All, example(), assignments, delete=delete, naming=NAMING)
    assert isinstance(result, All)
    return result


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("number=200", 200),
        ("number=0xc8", 200),
        ("number=0b1100_1000", 200),
        ("big=18_446_744_073_709_551_615", (1 << 64) - 1),
        ("flag=true", True),
        ("text=", ""),
        ("text=a = b", "a = b"),
        (r'text="a\n\u00e9"', "a\né"),
        ("text=none", "none"),
        ("version=2.3.4-rc1", "2.3.4-rc1"),
        ("mode=Off", Mode.Off),
        ("ratio=-1e3", -1000.0),
        ("ratio=inf", float("inf")),
        ("blob=00 ff 1A", b"\x00\xff\x1a"),
        ("blob=", b""),
        ("unit=none", None),
        ("letter=é", "é"),
        ('letter="\\""', '"'),
        ("variant=Nothing", Nothing()),
        ('variant={"Number": 4}', Number(4)),
        ("inner=none", None),
        ('inner={"level": 9, "name": null}', Inner(9, None)),
        ("inner.level=0x10", 16),
        ("inner.name=none", None),
        ('inner.name="none"', "none"),
        ("items=[4, 5]", [4, 5]),
        ("items[1]=0", 0),
        ("fixed=[8, 9]", (8, 9)),
        ("fixed[0]=7", 7),
        ("limits[a]=3", 3),
        ('limits["c"]=4', 4),
        ("big:MODE=0", 0),
        ("big:MODE=user", 0),
        ("big:ENABLE=0", 0),
    ],
)
def test_values_are_written_as_their_type_says(assignment: str, value: Any) -> None:
    path = assignment.partition("=")[0]
    result = edited(assignment)
    assert resolve(root(All, result, NAMING), path).value == value
    restored = edit(All, result, [], naming=NAMING)
    assert restored == result


def test_a_bit_field_leaves_the_other_bits_alone() -> None:
    assert edited("big:MODE=3").big == 0b1101
    assert edited("big=0xf0", "big:ENABLE=1").big == 0xF1


def test_assignments_build_on_those_before() -> None:
    result = edited("inner=none", 'inner={"level":1,"name":null}', "inner.name=x", "items[+]=9",
                    "items[3]=8")  # fmt: skip
    assert result.inner == Inner(1, "x")
    assert result.items == [1, 2, 3, 8]


def test_entries_keep_their_order_and_new_ones_come_last() -> None:
    assert list(edited("limits[b]=5", "limits[c]=6").limits) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("delete", "items"),
    [
        (("items[0]",), [2, 3]),
        (("items[0]", "items[1]"), [3]),
        (("items[2]", "items[0]", "items[0x2]"), [2]),
        (("items[0]", "items[1]", "items[2]"), []),
    ],
)
def test_deletions_name_what_is_there_before_any_of_them(
    delete: tuple[str, ...], items: list[int]
) -> None:
    assert edited(delete=delete).items == items


def test_an_entry_can_be_deleted_and_what_was_just_added_too() -> None:
    result = edited("items[+]=4", "limits[c]=3", delete=("items[3]", "limits[c]", "limits[b]"))
    assert result.items == [1, 2, 3]
    assert result.limits == {"a": 2}


# --- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("number=256", "number: found 256, expected u8, 0 to 255"),
        ("number=-1", "number: found -1, expected u8, 0 to 255"),
        ("number=", "number: found '', expected u8, 0 to 255, in decimal, 0x… or 0b…"),
        ("number=one", "number: found 'one', expected u8, 0 to 255"),
        ("number=none", "number: found 'none', expected u8"),
        ("number=" + "9" * 10_000, "number: found '999"),
        ("number=0x" + "f" * 10_000, "number: found '0xff"),
        ("flag=yes", "flag: found 'yes', expected true or false"),
        ('text="a', "text: found '\"a', expected str, as it is or as a JSON string"),
        ('text="\\ud800"', "text: found '\\ud800', expected str"),
        ("version=1.0", "version: found '1.0', expected semver version"),
        ("mode=on", "mode: found 'on', expected Mode, one of On, Off"),
        ("ratio=x", "ratio: found 'x', expected f32"),
        ("ratio=1e300", "ratio: found 1e+300, expected f32"),
        ("blob=0", "blob: found '0', expected bytes as an even number of hexadecimal digits"),
        ("unit=0", "unit: found 0, expected ()"),
        ("letter=ab", "letter: found 'ab', expected char"),
        ("variant=Something", "variant: not JSON"),
        ("variant=Number", "variant: found Number, expected one of Number | Nothing"),
        ("inner={}", "inner: the field 'level' of Inner is missing"),
        ('inner={"level":256,"name":null}', "inner: level: found 256, expected u8"),
        ("inner=" + "[" * 100_000, "inner: the JSON text is nested too deeply"),
        ("items=[1", "items: not JSON"),
        ("items[0]=x", "items[0]: found 'x', expected u8"),
        ("fixed=[1]", "fixed: found 1 items, expected 2"),
        ("big:MODE=4", "big:MODE: found 4, expected u2, 0 to 3"),
        ("big:MODE=root", "big:MODE: found 'root', expected u2, 0 to 3, in decimal, 0x… or 0b…; o"),
        ("big:MODE=root", "; or user, kernel"),
        ("number", "'number' is no assignment: after the path, found the end, expected '='"),
        ("number:=1", "expected a name after ':'"),
        ("=1", "the root: found 1, expected All"),
        ("number+=1", "'number+=1' is no assignment: after the path, found '+=1'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_an_error_with_its_place(assignment: str, message: str) -> None:
    with pytest.raises((EditError, PathError)) as caught:
        edited(assignment)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("number", "number: can't be removed from All; only items of lists"),
        ("inner.name", "inner.name: can't be removed from Inner"),
        ("fixed[0]", "fixed[0]: can't be removed from [u8; 2]"),
        ("big:MODE", "big:MODE: can't be removed from u64"),
        ("variant::Nothing", "variant::Nothing: can't be removed from Number | Nothing"),
        ("", "the root can't be removed"),
    ],
)
def test_only_items_and_entries_can_be_removed(path: str, message: str) -> None:
    with pytest.raises(EditError) as caught:
        edited(delete=(path,))
    assert message in str(caught.value)


@pytest.mark.parametrize("path", ["items[3]", "items[+]", "limits[c]", "nothing"])
def test_what_is_not_there_can_not_be_removed(path: str) -> None:
    with pytest.raises(PathError):
        edited(delete=(path,))


def test_an_edit_that_fails_leaves_the_value_as_it_was() -> None:
    value = example()
    with pytest.raises(EditError):
        edit(All, value, ["number=2", "items[+]=4", "flag=maybe"], delete=["items[0]"])
    assert value == example()
