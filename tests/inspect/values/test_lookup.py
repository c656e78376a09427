"""Every part of a value has a path that leads to it, and a wrong path says what there is."""

from __future__ import annotations

import enum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.bits import Register, bit, bits
from emu.errors import PathError
from emu.inspect.values.containers import walk
from emu.inspect.values.lookup import rebuilt, resolve, trail
from emu.inspect.values.parts import Naming, Part, root
from emu.wire.nodes import IntNode, Node
from emu.wire.schema import Array, HashMap, OnlyVariant, Struct, u8, u64
from harness.strategies.schemas import schemas
from harness.strategies.values import values
from tests.any_schema import any_schema


class Mode(enum.Enum):
    On = "On"
    Off = "Off"


class Virtio(Struct):
    disk_path: str
    ready: bool


class VhostUser(Struct):
    socket_path: str


class Serial(Struct):
    pass


class Uds(Struct):
    path: str


class Device(Struct):
    id: str
    state: Virtio | VhostUser | Serial
    backend: Annotated[Uds, OnlyVariant()]


class State(Struct):
    devices: list[Device]
    limits: dict[str, u64]
    modes: HashMap[Mode, u8]
    pairs: dict[tuple[u8, bool], u8]
    mac: Annotated[tuple[int, ...], Array(u8, 3)]
    spare: Device | None
    control: u64
    enabled: u64 | None


class Header(Struct):
    version: str


class File(Struct):
    header: Header
    data: State


class CONTROL(Register):
    MODE = bits(3, 2, {0: "user", 1: "kernel"})
    ENABLE = bit(0)


NAMING = Naming(layouts={(State, "control"): CONTROL, (State, "enabled"): CONTROL})


def device(name: str, state: Virtio | VhostUser | Serial) -> Device:
    return Device(name, state, Uds(f"/{name}"))


def example() -> Part:
    state = State(
        devices=[device("root", Virtio("/disk", True)), device("tty", Serial())],
        limits={"a b": 1, "eth0": 2},
        modes={Mode.Off: 7},
        pairs={(1, True): 5},
        mac=(6, 0, 9),
        spare=None,
        control=0b0101,
        enabled=None,
    )
    return root(File, File(Header("1.0"), state), NAMING)


@any_schema
@given(schemas(), st.data())
def test_every_part_is_found_at_its_path(schema: Node, data: st.DataObject) -> None:
    """For any schema and value: by the path, and by the text of the path."""
    whole = root(schema, data.draw(values(schema)))
    for part in walk(whole):
        for path in (part.path, str(part.path)):
            found = resolve(whole, path)
            assert found.value is part.value
            assert (found.path, found.node) == (part.path, part.node)


@any_schema
@given(schemas(), st.data())
def test_putting_back_what_is_there_changes_nothing(schema: Node, data: st.DataObject) -> None:
    whole = root(schema, data.draw(values(schema)))
    parts = list(walk(whole))
    part = parts[data.draw(st.integers(0, len(parts) - 1))]
    assert rebuilt(trail(whole, part.path), part.value) == whole.value


def test_parts_come_in_wire_order() -> None:
    paths = [str(part.path) for part in walk(example())]
    assert paths[:6] == ["", "header", "header.version", "data", "data.devices", "data.devices[0]"]
    assert paths[-4:] == ["data.mac[2]", "data.spare", "data.control", "data.enabled"]


def test_entries_come_in_the_order_in_which_they_are_written() -> None:
    """A map goes by its keys, a map of a hash by what it has."""
    sorted_map = walk(root(dict[u8, u8], {2: 0, 1: 0}))
    hash_map = walk(root(HashMap[u8, u8], {2: 0, 1: 0}))
    assert [str(part.path) for part in sorted_map] == ["", "[1]", "[2]"]
    assert [str(part.path) for part in hash_map] == ["", "[2]", "[1]"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.devices[0].id", "root"),
        ("devices[0x1].id", "tty"),
        ("header.version", "1.0"),
        ("devices[0].state::Virtio.disk_path", "/disk"),
        ("devices[0].state.disk_path", "/disk"),
        ("devices[1].state", Serial()),
        ("devices[1].state::Serial", Serial()),
        ("devices[1].backend.path", "/tty"),
        ('limits["a b"]', 1),
        ("limits[eth0]", 2),
        ("modes[Off]", 7),
        ("pairs[[1, true]]", 5),
        ("mac[2]", 9),
        ("spare", None),
        ("control:MODE", 1),
        ("data.control:ENABLE", 1),
    ],
)
def test_shorter_and_longer_paths_lead_to_a_value(path: str, value: Any) -> None:
    assert resolve(example(), path).value == value


def test_the_proper_path_of_what_a_short_one_found_is_the_long_one() -> None:
    assert str(resolve(example(), "devices[0].state.ready").path) == (
        "data.devices[0].state::Virtio.ready"
    )


def test_a_bit_field_has_the_width_and_the_words_of_its_layout() -> None:
    part = resolve(example(), "control:MODE")
    assert part.node == IntNode(2)
    assert part.words == {"user": 0, "kernel": 1}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("devcies", "the root has no devcies; did you mean devices?; there are header, data, dev"),
        ("disk_path", "the root has no disk_path; did you mean data.devices[0].state::Virtio"),
        ("data.Limits", "data has no Limits; did you mean limits?; there are devices, limits,"),
        ("devices[2]", "data.devices has no [2]; it has 2, [0] to [1]"),
        ("devices[-1]", "data.devices has no [-1]; it has 2, [0] to [1]"),
        ("devices.id", "data.devices has no id"),
        ("devices[+]", "data.devices has no [+]"),
        ("devices[0].state::VhostUser", "state has no ::VhostUser; there are ::Virtio, disk_path,"),
        (
            "devices[0].state.socket_path",
            "state has no socket_path; did you mean disk_path?; there are",
        ),
        ("devices[1].state.ready", "state has no ready; there is ::Serial"),
        ("limits[eth1]", 'data.limits has no ["eth1"]; did you mean ["eth0"]?'),
        ("limits[1]", 'data.limits has no [1]; there are ["a b"], ["eth0"]'),
        ("limits[eth1].x", 'data.limits has no ["eth1"]'),
        ("modes[Maybe]", 'data.modes has no ["Maybe"]'),
        ("spare.id", "data.spare is none, so there is no .id in it"),
        ("mac[0].x", "data.mac[0] is u8, which has no parts"),
        ("mac[0]:M", "data.mac[0] is u8, of which no bit fields are known"),
        ("enabled:MODE", "data.enabled is u64?, of which no bit fields are known"),
        ("control:MODES", "data.control has no :MODES; did you mean :MODE?"),
    ],
)
def test_a_wrong_path_says_what_there_is(path: str, message: str) -> None:
    with pytest.raises(PathError) as caught:
        resolve(example(), path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_long_list_of_names_is_cut() -> None:
    class Wide(Struct):
        limits: dict[str, u8]

    wide = Wide({f"name{number}": 0 for number in range(30)})
    with pytest.raises(PathError, match=r"limits has no nothing; .* and 18 more$"):
        resolve(root(Wide, wide), "limits.nothing")
