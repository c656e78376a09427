"""Generic structs, numbers that must not be 0, types that refuse values, enums of one variant."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

import pytest
from hypothesis import given

from emu.errors import DecodeError, EncodeError
from emu.wire import bitcode
from emu.wire.nodes import (
    IntNode,
    OptionNode,
    SeqNode,
    StructNode,
    TextNode,
    UnionNode,
    is_zero_sized,
)
from emu.wire.schema import OnlyVariant, Struct, fields_of, schema_of, struct_of, u8, u16
from harness.strategies.values import values

T = TypeVar("T")
S = TypeVar("S")


class Conn(Struct, Generic[T]):
    """A connection.

    Attributes:
        device: What is connected.
    """

    id: u8
    device: T


class Two(Struct, Generic[T, S]):
    first: list[T]
    second: Conn[S]


class Node(Struct, Generic[T]):
    value: T
    rest: Node[T] | None


class Bus(Struct):
    blocks: list[Conn[str]]
    nets: list[Conn[u16]]


def node_of(schema: Any) -> StructNode:
    node = schema_of(schema)
    assert isinstance(node, StructNode)
    return node


def printed(schema: Any) -> list[str]:
    return [str(field.node) for field in node_of(schema).fields]


# --- generic structs ---------------------------------------------------------------------------


def test_a_generic_struct_has_its_argument_for_its_parameter() -> None:
    assert printed(Conn[str]) == ["u8", "str"]
    assert printed(Conn[list[u16] | None]) == ["u8", "[u16]?"]
    assert node_of(Conn[str]).fields[1].doc == "What is connected."


def test_arguments_go_on_to_inner_generic_structs() -> None:
    two = node_of(Two[str, u16])
    assert printed(two) == ["[str]", "Conn"]
    assert two.fields[1].node == schema_of(Conn[u16])


def test_a_generic_struct_may_contain_itself() -> None:
    node = node_of(Node[str])
    assert node.fields[1].node == OptionNode(node)


def test_different_arguments_make_different_types() -> None:
    assert schema_of(Conn[str]) == schema_of(Conn[str])
    assert schema_of(Conn[str]) != schema_of(Conn[u16])


@pytest.mark.parametrize("schema", [Conn, Two])
def test_a_generic_struct_without_arguments_is_refused(schema: type[Struct]) -> None:
    with pytest.raises(TypeError, match=rf"{schema.__name__} takes \d types, 0 given"):
        fields_of(schema)


def test_values_of_one_generic_struct_differ_in_type() -> None:
    """Bytes as bitcode 0.6.9 wrote them."""
    conns = [Conn(1, "a"), Conn(2, "")]
    assert bitcode.encode(list[Conn[str]], conns) == bytes.fromhex("02 0102 0100 61")
    bus = Bus(conns, [Conn(3, 500)])
    assert bitcode.decode(Bus, bitcode.encode(Bus, bus)) == bus
    untyped_bus: Any = Bus
    with pytest.raises(EncodeError, match=r"nets\[0\].device: found 'a', expected int for u16"):
        bitcode.encode(Bus, untyped_bus([], [Conn(1, "a")]))


@given(values(Two[bool, str]))
def test_generic_structs_round_trip(two: Two[bool, str]) -> None:
    schema = Two[bool, str]
    assert bitcode.decode(schema, bitcode.encode(schema, two)) == two


# --- numbers that must not be 0 ----------------------------------------------------------------

BITS = [8, 16, 32, 64, 128]


@pytest.mark.parametrize("bits", BITS)
def test_a_nonzero_number_is_written_as_any_other(bits: int) -> None:
    nonzero, plain = IntNode(bits, nonzero=True), IntNode(bits)
    for value in (1, nonzero.maximum):
        encoded = bitcode.encode(nonzero, value)
        assert encoded == bitcode.encode(plain, value)
        assert bitcode.decode(nonzero, encoded) == value


@pytest.mark.parametrize("bits", BITS)
def test_zero_is_refused_both_ways(bits: int) -> None:
    nonzero, plain = IntNode(bits, nonzero=True), IntNode(bits)
    with pytest.raises(
        EncodeError, match=rf"found 0, expected nonzero u{bits}, 1 to {plain.maximum}"
    ):
        bitcode.encode(nonzero, 0)
    with pytest.raises(DecodeError, match="found 0, expected a number that is not zero"):
        bitcode.decode(nonzero, bitcode.encode(plain, 0))


@pytest.mark.parametrize("bits", BITS)
def test_zero_is_found_anywhere_in_a_column(bits: int) -> None:
    numbers = [1, 2, 3, 4, 5, 6, 0, 7]
    with pytest.raises(EncodeError, match=r"^\[6\]: found 0"):
        bitcode.encode(SeqNode(IntNode(bits, nonzero=True)), numbers)
    data = bitcode.encode(SeqNode(IntNode(bits)), numbers)
    with pytest.raises(DecodeError) as caught:
        bitcode.decode(SeqNode(IntNode(bits, nonzero=True)), data)
    assert caught.value.path == "[]"


# --- types that refuse values ------------------------------------------------------------------


class Range(Struct):
    start: u8
    end: u8

    def refusal(self) -> str | None:
        return f"{self.start} is after {self.end}" if self.start > self.end else None


class Region(Struct):
    name: str
    ranges: list[Range]


class Plain(Struct):
    pass


def test_only_a_struct_that_overrides_refusal_has_one() -> None:
    assert struct_of(Plain).refusal is None
    assert Plain().refusal() is None
    refusal = struct_of(Range).refusal
    assert refusal is not None
    assert (refusal(Range(1, 1)), refusal(Range(2, 1))) == (None, "2 is after 1")


def test_a_refused_value_is_written_and_not_read() -> None:
    """As in Rust, only `Deserialize` checks it; every value in a column is checked."""
    good, bad = Range(1, 2), Range(3, 2)
    for ranges in ([bad], [good, bad], [good, good, bad, good]):
        data = bitcode.encode(Region, Region("a", ranges))
        with pytest.raises(DecodeError, match=r"3 is after 2 \(at byte \d+, in ranges\[\]\)"):
            bitcode.decode(Region, data)


@given(values(Region))
def test_accepted_values_round_trip(region: Region) -> None:
    assert bitcode.decode(Region, bitcode.encode(Region, region)) == region


# --- enums of one variant ----------------------------------------------------------------------


class Wrapped(Struct):
    _0: u16


Lone = Annotated[Wrapped, OnlyVariant()]
LoneUnit = Annotated[Plain, OnlyVariant()]


def test_a_marked_struct_is_an_enum_of_one_variant() -> None:
    assert schema_of(Lone) == UnionNode((struct_of(Wrapped),))
    assert schema_of(Lone | None) == OptionNode(UnionNode((struct_of(Wrapped),)))


def test_an_enum_of_one_variant_is_as_large_as_its_payload() -> None:
    """Rust needs no memory for the tag."""
    assert is_zero_sized(schema_of(LoneUnit))
    assert not is_zero_sized(schema_of(Lone))


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [(Lone, Wrapped(7), "00 0700"), (list[Lone], [Wrapped(7), Wrapped(8)], "02 0000 02 0708")],
)
def test_its_tag_is_written_all_the_same(schema: Any, value: Any, expected: str) -> None:
    """Bytes as bitcode 0.6.9 wrote them."""
    data = bytes.fromhex(expected)
    assert bitcode.encode(schema, value) == data
    assert bitcode.decode(schema, data) == value


def test_its_tag_can_only_be_0() -> None:
    with pytest.raises(DecodeError, match="variant 1 of Wrapped; expected less than 1"):
        bitcode.decode(Lone, bytes.fromhex("01 0700"))


def test_what_is_no_struct_cannot_be_a_variant() -> None:
    with pytest.raises(TypeError, match="variants must be Structs"):
        schema_of(Annotated[str, OnlyVariant()])
    assert schema_of(Annotated[str, "only a remark"]) == TextNode()
