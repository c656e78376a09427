"""The record of what was handed out, in a state file and in a machine."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.boards.equipment import allocate_stolen_time
from emu.core.allocator import ResourceAllocator
from emu.core.events import EventStream
from emu.devices.vmclock import VmClock
from emu.devices.vmgenid import VmGenId
from emu.errors import BoardError, IncompatibleError
from emu.formats import registry
from emu.snapshot.firecracker.resources import restore_resources, save_resources
from harness.states import realistic_state
from harness.states.releases import RELEASES
from tests.devices.fakes import GsiLine, StoppedClock

SAVING = list(RELEASES)[5:]
"""Releases that save it: from v1.13 on."""
MMIO_ONLY: Any = {"balloon": 1, "block": 2, "net": 2, "vsock": 1, "entropy": 1, "serial": 1}

each_release = pytest.mark.parametrize("format_id", SAVING)


def saved(format_id: str, **arguments: Any) -> Any:
    """What a realistic state has."""
    state = realistic_state(format_id, devices=MMIO_ONLY, **arguments)
    return state.data.vm_state.resource_allocator


def booted(format_id: str, *, vcpu_count: int, virtio_count: int) -> ResourceAllocator:
    """What a machine of ours has left after a boot."""
    board = boards.get(format_id)
    resources = board.resource_allocator(board.equip(virtio_count=virtio_count))
    events = EventStream(StoppedClock())
    VmGenId.new(resources, entropy=bytes, irqs=lambda gsi: GsiLine(gsi, []), events=events)
    if board.has_vmclock:
        VmClock.new(resources, irqs=lambda gsi: GsiLine(gsi, []), events=events)
    if board.has_stolen_time:
        allocate_stolen_time(resources, vcpu_count)
    return resources


@each_release
@pytest.mark.parametrize("vcpu_count", [1, 2, 32])
def test_a_machine_that_was_booted_has_what_firecracker_saves(
    format_id: str, vcpu_count: int
) -> None:
    """Tree for tree and node for node, for the same devices."""
    resources = booted(format_id, vcpu_count=vcpu_count, virtio_count=7)
    found = save_resources(registry.get(format_id), resources)
    assert found == saved(format_id, vcpus=vcpu_count)


@pytest.mark.parametrize("format_id", list(RELEASES)[:5])
def test_up_to_v1_12_nothing_is_saved(format_id: str) -> None:
    resources = booted(format_id, vcpu_count=1, virtio_count=7)
    assert save_resources(registry.get(format_id), resources) is None


@each_release
@given(data=st.data())
def test_what_is_restored_is_saved_as_it_was(format_id: str, data: st.DataObject) -> None:
    """Whatever was handed out and given back since: freed numbers and the shapes of trees too."""
    board, form = boards.get(format_id), registry.get(format_id)
    resources = board.resource_allocator()
    for _ in range(data.draw(st.integers(0, 25))):
        with suppress(BoardError):
            _change(resources, data)
    value = save_resources(form, resources)
    taken = [gsi for gsi in resources.gsis.gsis if resources.gsis.is_taken(gsi)]
    again = restore_resources(value, board, taken)
    assert save_resources(form, again) == value
    assert again.gsis.allocate() == resources.gsis.allocate()
    assert again.mmio32.allocate_first(0x1000, 0x1000) == resources.mmio32.allocate_first(
        0x1000, 0x1000
    )
    assert again.system_memory.allocate_last(64, 64) == resources.system_memory.allocate_last(
        64, 64
    )


def _change(resources: ResourceAllocator, data: st.DataObject) -> None:
    """Take something, or give something back."""
    ids = data.draw(st.sampled_from([resources.gsis, resources.msi_gsis]))
    space = data.draw(st.sampled_from([resources.mmio32, resources.system_memory]))
    match data.draw(st.integers(0, 4)):
        case 0 | 1:
            ids.allocate()
        case 2:
            ids.free(data.draw(st.integers(ids.gsis.start, ids.gsis.start + 12)))
        case 3:
            space.allocate_first(data.draw(st.sampled_from([16, 64, 0x1000])), 16)
        case 4:
            space.free(space.base + 16 * data.draw(st.integers(0, 64)))


def test_interrupts_that_are_not_saved_are_those_of_the_devices() -> None:
    """The main branch takes them anew; what was between them is free."""
    board = boards.get("firecracker-main")
    resources = restore_resources(saved("firecracker-main"), board, [4, 0, 1])
    assert [resources.gsis.allocate() for _ in range(3)] == [2, 3, 5]


@pytest.mark.parametrize("gsis", [[3, 3], [96], [0, 1, 200]])
def test_an_interrupt_of_two_devices_or_of_none_is_refused(gsis: list[int]) -> None:
    board = boards.get("firecracker-main")
    with pytest.raises(IncompatibleError, match="a device has the GSI"):
        restore_resources(saved("firecracker-main"), board, gsis)


def _edited(path: str, value: Any) -> Any:
    """A record of v1.16 with one thing changed."""
    record = copy.deepcopy(saved("firecracker-1.16"))
    *names, last = path.split(".")
    at = record
    for name in names:
        at = getattr(at, name)
    setattr(at, last, value)
    return record


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("mmio32_memory.interval_tree.root.height", 9, "has a height of 9 above trees of"),
        ("mmio32_memory.interval_tree.root.left", None, "expected"),
        ("system_memory.interval_tree.root", None, "end below 0x80000000; expected 0x80200000"),
        ("system_memory.interval_tree.root.key.start", 0x8000_0000, "expected one from"),
        ("mmio64_memory.address_space.end", 0x10, "ranges of addresses end below"),
        ("gsi_legacy_allocator.next_id", 97, "has 97 as its next"),
        ("gsi_msi_allocator.next_id", 95, "has 95 as its next"),
        ("gsi_legacy_allocator.freed_ids", [40], "has the numbers 40 to 40 again"),
    ],
)
def test_a_record_that_no_allocator_leaves_is_refused(path: str, value: Any, message: str) -> None:
    board = boards.get("firecracker-1.16")
    with pytest.raises(IncompatibleError, match=message):
        restore_resources(_edited(path, value), board, [])


def test_a_tree_that_hangs_to_one_side_is_refused() -> None:
    """Whose heights are right, and whose ranges are the whole space."""
    board = boards.get("firecracker-1.16")
    record = saved("firecracker-1.16")
    tree, below = record.mmio64_memory.interval_tree, None
    space = record.mmio64_memory.address_space
    last = space.end
    for height, (start, end) in enumerate(
        [(last, last), (last - 1, last - 1), (space.start, last - 2)], start=1
    ):
        key = replace(space, start=start, end=end)
        below = replace(tree.root, key=key, left=None, right=below, height=height)
    tree.root = below
    with pytest.raises(IncompatibleError, match="has a height of 3 above trees of 0 and 2"):
        restore_resources(record, board, [])


def test_an_allocator_that_has_handed_out_the_last_number_there_is() -> None:
    """`next_id` is None then; no release comes so far."""
    board = boards.get("firecracker-1.16")
    record = saved("firecracker-1.16")
    top = (1 << 32) - 1
    record.gsi_msi_allocator = replace(
        record.gsi_msi_allocator, range_base=top, next_id=None, range_end=top
    )
    resources = restore_resources(record, board, [])
    with pytest.raises(BoardError, match="all GSIs"):
        resources.msi_gsis.allocate()
    assert save_resources(registry.get("firecracker-1.16"), resources) == record
