"""States of every format are described, whatever they say."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.formats import envelope, registry
from emu.formats.format import Format
from emu.inspect.describe import describe
from emu.inspect.describe.views.file import Description
from emu.inspect.describe.views.state import StateView
from emu.wire.nodes import Node, StructNode, inner_nodes
from harness.strategies.values import values
from tests.plainest import plainest_snapshot

FORMATS = registry.formats()

# Whole states have so many values that drawing them takes minutes; their parts do not.
_PART_TYPES_MAX = 40


def types_in(node: Node) -> set[Node]:
    """A type and all types inside it."""
    seen: set[Node] = set()
    left = [node]
    while left:
        found = left.pop()
        if found not in seen:
            seen.add(found)
            left += inner_nodes(found)
    return seen


def parts(known: Format) -> list[StructNode]:
    """The struct types of a format's states, the large ones left out."""
    structs = (node for node in types_in(known.schema) if isinstance(node, StructNode))
    small = [node for node in structs if len(types_in(node)) <= _PART_TYPES_MAX]
    return sorted(small, key=str)


PARTS = {known.id: parts(known) for known in FORMATS}


def described(known: Format, snapshot: Any) -> StateView:
    """The state as `describe` shows it; what it shows is JSON."""
    description = describe(known.encode(snapshot), known.id)
    assert json.dumps(dataclasses.asdict(description))
    assert description.state is not None
    return description.state


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.id)
@pytest.mark.parametrize("items", [0, 1, 2])
@pytest.mark.parametrize("variant", [0, 1, 2])
def test_a_state_of_every_shape_is_described(known: Format, items: int, variant: int) -> None:
    state = described(known, plainest_snapshot(known, items=items, variant=variant))
    assert len(state.vcpus) == items


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.id)
def test_a_file_of_a_format_is_told_to_be_of_it(known: Format) -> None:
    description = describe(known.encode(plainest_snapshot(known, items=1)))
    assert description.format is not None
    assert known.id in {description.format.id, *description.format.also}
    assert description.header is not None
    assert description.header.version == known.version


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.id)
@settings(suppress_health_check=list(HealthCheck), max_examples=12)
@given(data=st.data())
def test_no_value_of_a_schema_raises(known: Format, data: st.DataObject) -> None:
    """Each example has arbitrary values in all places of one type."""
    node = data.draw(st.sampled_from(PARTS[known.id]))
    put: dict[Node, object] = {node: data.draw(values(node))}
    variant = data.draw(st.integers(0, 2))
    described(known, plainest_snapshot(known, items=1, variant=variant, put=put))


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.id)
@settings(max_examples=12)
@given(data=st.data())
def test_no_bytes_raise(known: Format, data: st.DataObject) -> None:
    """A file with some bytes changed or cut off, its checksum right or wrong."""
    file = bytearray(known.encode(plainest_snapshot(known, items=1)))
    for _ in range(data.draw(st.integers(1, 4))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(file)) | st.just(len(file)))
    damaged = bytes(file[:end])
    for candidate in (damaged, envelope.seal(envelope.body(damaged))):
        assert_agrees_with_the_loader(candidate, describe(candidate, known.id), known)
        describe(candidate)


def assert_agrees_with_the_loader(data: bytes, description: Description, known: Format) -> None:
    """The first problem is what the release's loader says; a file without problems loads."""
    problem = known.verdict(data).problem
    expected = [(type(problem.error).__name__, problem.loader_error)] if problem else []
    assert [(p.error, p.loader_error) for p in description.problems[:1]] == expected


# --- what is shown of the VM -------------------------------------------------------------------

FIRECRACKER = [known for known in FORMATS if known.id.startswith("firecracker-")]


@pytest.mark.parametrize("known", FIRECRACKER, ids=lambda known: known.id)
def test_what_every_release_keeps_is_shown_whatever_its_place(known: Format) -> None:
    state = described(known, plainest_snapshot(known, items=1))
    assert state.vm["boot_args"] == ""
    assert state.vm["kvm_cap_modifiers"] == ["1"]
    assert len(state.regions) == 1
    assert state.gic is not None
    assert state.mmds is not None
    assert state.mmds["version"] == "V1"
    kinds = {device.kind for device in state.devices}
    assert {"virtio-block", "virtio-net", "virtio-vsock", "virtio-rng", "vmgenid"} <= kinds


def test_regions_add_up_to_the_memory_file() -> None:
    snapshot = plainest_snapshot("firecracker-1.14", items=2)
    low, high = snapshot.data.vm_state.memory.regions
    low.base_address, low.size, low.plugged = 0x8000_0000, 3 << 30, [True]
    high.base_address, high.size, high.plugged = 1 << 39, 1 << 30, [False] * 8
    state = described(registry.get("firecracker-1.14"), snapshot)
    assert state.memory_file_size_bytes == 4 << 30
    assert [region.base_address for region in state.regions] == [0x8000_0000, 1 << 39]
    assert state.regions[1].facts == {"region_type": "Dram", "plugged": [False] * 8}


def test_whether_there_is_a_pci_bus_is_told_from_v1_13_on() -> None:
    def told(format_id: str, variant: int = 0) -> Any:
        known = registry.get(format_id)
        return described(known, plainest_snapshot(known, variant=variant)).vm.get("pci_enabled")

    assert told("firecracker-1.12") is None
    assert told("firecracker-1.16") is False
    assert (told("firecracker-main", 0), told("firecracker-main", 1)) == (False, True)
