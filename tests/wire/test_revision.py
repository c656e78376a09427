"""Later versions of a schema: only the types that changed are declared again."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Generic, TypeVar

import pytest

from emu.wire import bincode, bitcode
from emu.wire.nodes import Node, StructNode
from emu.wire.schema import (
    AS_DECLARED,
    Array,
    HashMap,
    OnlyVariant,
    Revision,
    Struct,
    schema_of,
    struct_of,
    u8,
    u16,
)

T = TypeVar("T")


class Queue(Struct):
    size: u8


class QueueWithReady(Struct):
    size: u8
    ready: bool


class QueueWithAddress(Struct):
    size: u8
    ready: bool
    address: u16


class Off(Struct):
    pass


class Boxed(Struct, Generic[T]):
    content: T


class BoxedWithId(Struct, Generic[T]):
    id: u8
    content: T


class Power(enum.Enum):
    ON = "On"


class PowerWithOff(enum.Enum):
    OFF = "Off"
    ON = "On"


class Device(Struct):
    name: str
    queues: list[Queue]
    power: Power


class Machine(Struct):
    devices: dict[u8, Device]


class Chain(Struct):
    queue: Queue
    rest: Chain | None


SECOND = AS_DECLARED.revised({Queue: QueueWithReady, Power: PowerWithOff})
THIRD = SECOND.revised({QueueWithReady: QueueWithAddress})


def field_of(node: Node, index: int) -> Node:
    assert isinstance(node, StructNode)
    return node.fields[index].node


@pytest.mark.parametrize(
    ("schema", "printed"),
    [
        (Queue, "QueueWithReady"),
        (Power, "PowerWithOff"),
        (list[Queue], "[QueueWithReady]"),
        (Queue | None, "QueueWithReady?"),
        (tuple[u8, Queue], "(u8, QueueWithReady)"),
        (dict[u8, Queue], "{u8: QueueWithReady}"),
        (dict[Power, u8], "{PowerWithOff: u8}"),
        (HashMap[u8, Queue], "{u8: QueueWithReady}"),
        (Annotated[Any, Array(Queue, 2)], "[QueueWithReady; 2]"),
        (Queue | Off, "QueueWithReady | Off"),
        (Annotated[Queue, OnlyVariant()], "QueueWithReady"),
    ],
)
def test_a_type_is_replaced_wherever_it_stands(schema: Any, printed: str) -> None:
    assert str(schema_of(schema, SECOND)) == printed


def test_a_type_is_replaced_inside_types_that_did_not_change() -> None:
    device = struct_of(Device)
    revised = schema_of(Device, SECOND)
    assert isinstance(revised, StructNode)
    assert revised.cls is device.cls
    assert [str(field.node) for field in device.fields] == ["str", "[Queue]", "Power"]
    assert [str(field.node) for field in revised.fields] == [
        "str",
        "[QueueWithReady]",
        "PowerWithOff",
    ]


def test_a_type_inside_itself_is_revised_all_the_way_down() -> None:
    chain = schema_of(Chain, SECOND)
    assert str(field_of(chain, 0)) == "QueueWithReady"
    assert schema_of(Chain | None, SECOND) == field_of(chain, 1)


def test_the_argument_of_a_generic_struct_is_replaced() -> None:
    assert str(field_of(schema_of(Boxed[Queue], SECOND), 0)) == "QueueWithReady"


def test_a_generic_struct_is_replaced_with_its_argument() -> None:
    boxed = schema_of(Boxed[Queue], SECOND.revised({Boxed: BoxedWithId}))
    assert str(boxed) == "BoxedWithId"
    assert [str(field_of(boxed, index)) for index in (0, 1)] == ["u8", "QueueWithReady"]


def test_a_revision_goes_on_from_the_one_before() -> None:
    """What stands for a type of any earlier version is known; new keys are types of the latest."""
    assert THIRD.latest(Queue) is THIRD.latest(QueueWithReady) is QueueWithAddress
    assert THIRD.latest(Power) is PowerWithOff
    with pytest.raises(ValueError, match=r"Queue'> was replaced by .*QueueWithReady'> already"):
        SECOND.revised({Queue: QueueWithAddress})


def test_a_type_may_come_back() -> None:
    back = SECOND.revised({QueueWithReady: Queue})
    assert back.latest(Queue) is back.latest(QueueWithReady) is Queue
    assert str(schema_of(list[Queue], back)) == "[Queue]"


def test_earlier_revisions_stay_as_they_are() -> None:
    latest = [revision.latest(Queue) for revision in (AS_DECLARED, SECOND, THIRD)]
    assert latest == [Queue, QueueWithReady, QueueWithAddress]


def test_types_of_one_revision_are_equal_and_of_two_are_not() -> None:
    assert schema_of(Device, SECOND) == schema_of(Device, SECOND)
    assert schema_of(Device, SECOND) != schema_of(Device)
    assert schema_of(Device, Revision({})) != schema_of(Device)


def test_a_node_is_of_the_revision_that_it_was_made_for() -> None:
    device = schema_of(Device)
    assert schema_of(device, SECOND) is device


@pytest.mark.parametrize(
    ("revision", "queue", "power", "encoded"),
    [
        (AS_DECLARED, Queue(7), Power.ON, "07 00000000"),
        (SECOND, QueueWithReady(7, True), PowerWithOff.ON, "07 01 01000000"),
        (THIRD, QueueWithAddress(7, True, 258), PowerWithOff.OFF, "07 01 0201 00000000"),
    ],
)
def test_each_revision_has_its_own_bytes(
    revision: Revision, queue: Any, power: Any, encoded: str
) -> None:
    """The class around what changed is the same, so its values are built the same way."""
    machine = Machine({1: Device("", [queue], power)})
    schema = schema_of(Machine, revision)
    data = bincode.encode(schema, machine)
    one = "01" + "00" * 7
    assert data == bytes.fromhex(f"{one} 01 {'00' * 8} {one} {encoded}")
    assert bincode.decode(schema, data) == (machine, len(data))
    assert bitcode.decode(schema, bitcode.encode(schema, machine)) == machine
