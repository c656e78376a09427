"""Where devices of a machine land, and what its monitor has left to hand out then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.boards.board import Board
from emu.boards.equipment import allocate_stolen_time
from emu.boards.places import Place, Window
from emu.core.allocator import ResourceAllocator
from emu.core.allocator_state import tree_to_data
from emu.core.events import EventStream
from emu.core.interval_tree import Node
from emu.devices.vmclock import VmClock
from emu.devices.vmgenid import VmGenId
from tests.devices.fakes import GsiLine, StoppedClock

GOLDEN = Path(__file__).parents[1] / "golden" / "vm-allocator-0.1.4"
BOOTS = [json.loads(line) for line in (GOLDEN / "boots.jsonl").read_text("utf-8").splitlines()]
FIRECRACKERS = [board for name, board in boards.BOARDS.items() if name != "squib"]
WITH_STOLEN_TIME = [board for board in FIRECRACKERS if board.has_stolen_time]

each_firecracker = pytest.mark.parametrize("board", FIRECRACKERS, ids=lambda b: b.name)
each_board = pytest.mark.parametrize("board", boards.BOARDS.values(), ids=lambda b: b.name)


def booted(board: Board, *, vcpu_count: int = 1, virtio_count: int = 0) -> ResourceAllocator:
    """What a monitor has left once the machine has all its devices, in its order."""
    resources = board.resource_allocator(board.equip(virtio_count=virtio_count))
    events = EventStream(StoppedClock())
    VmGenId.new(resources, entropy=bytes, irqs=lambda gsi: GsiLine(gsi, []), events=events)
    if board.has_vmclock:
        VmClock.new(resources, irqs=lambda gsi: GsiLine(gsi, []), events=events)
    if board.has_stolen_time:
        allocate_stolen_time(resources, vcpu_count)
    return resources


def golden_boot(board: Board, vcpu_count: int) -> Any:
    """What the crate gave for the system memory of such a machine."""
    last = ["last", 64 * vcpu_count, 64]
    clocks = 1 if board.has_vmclock else 0
    (found,) = (
        boot
        for boot in BOOTS
        if boot["operations"][-1] == last and len(boot["operations"]) == 2 + clocks
    )
    return found


@pytest.mark.parametrize("board", WITH_STOLEN_TIME, ids=lambda b: b.name)
@pytest.mark.parametrize("vcpu_count", [1, 2, 4, 8, 32])
def test_the_system_memory_is_handed_out_as_the_crate_does(board: Board, vcpu_count: int) -> None:
    """VMGenID, VMClock, stolen time: the very tree that the monitor would save."""
    resources = booted(board, vcpu_count=vcpu_count)
    expected = golden_boot(board, vcpu_count)["allocator"]
    assert tree_to_data(resources.system_memory.tree) == expected["interval_tree"]["root"]


@pytest.mark.parametrize(
    ("vcpu_count", "address"), [(1, 0x801F_FF80), (2, 0x801F_FF40), (4, 0x801F_FEC0)]
)
def test_stolen_time_is_between_vmclock_and_vmgenid(vcpu_count: int, address: int) -> None:
    """The numbers, for who looks for them; those of the crate are the same."""
    board = boards.get("firecracker")
    assert golden_boot(board, vcpu_count)["addresses"] == [0x801F_FFF0, 0x801F_E000, address]


def test_stolen_time_came_with_v1_13() -> None:
    assert [board.name for board in FIRECRACKERS if not board.has_stolen_time] == [
        f"firecracker-1.{minor}" for minor in (9, 10, 11, 12)
    ]


# --- the boot timer ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["firecracker-1.9", "firecracker-1.12"])
def test_up_to_v1_12_the_boot_timer_takes_the_first_window_and_no_interrupt(name: str) -> None:
    equipment = boards.get(name).equip(virtio_count=1, has_boot_timer=True)
    assert equipment.boot_timer == Window(0x4000_0000, 0x1000)
    assert equipment.virtio == (Place(Window(0x4000_1000, 0x1000), 32),)


@pytest.mark.parametrize("name", ["firecracker-1.13", "firecracker-main"])
def test_from_v1_13_the_boot_timer_has_a_window_of_its_own(name: str) -> None:
    board = boards.get(name)
    equipment = board.equip(virtio_count=1, has_boot_timer=True)
    assert equipment.boot_timer == Window(0x4000_0000, 0x1000)
    assert equipment.virtio == board.equip(virtio_count=1).virtio


def test_the_boot_timer_of_squib_has_the_slot_after_all_others() -> None:
    equipment = boards.get("squib").equip(virtio_count=3, has_boot_timer=True)
    assert equipment.boot_timer == Window(0x0F00_3000, 0x1000)


@each_board
def test_a_machine_has_no_boot_timer_unless_it_is_asked_for(board: Board) -> None:
    assert board.equip().boot_timer is None


@each_board
@given(virtio_count=st.integers(0, 31))
def test_the_boot_timer_shares_no_window(board: Board, virtio_count: int) -> None:
    equipment = board.equip(virtio_count=virtio_count, has_boot_timer=True)
    bases = [window.base for window in equipment.windows()]
    assert (
        len(set(bases))
        == len(bases)
        == virtio_count
        + sum(
            device is not None for device in (equipment.uart, equipment.rtc, equipment.boot_timer)
        )
    )


# --- what is left ------------------------------------------------------------------------------


@each_firecracker
@given(virtio_count=st.integers(0, 40))
def test_what_is_left_is_as_if_it_had_never_been_put_aside(board: Board, virtio_count: int) -> None:
    """The tree of windows is that of first matches in the order of attachment, node for node."""
    resources = board.resource_allocator(board.equip(virtio_count=virtio_count))
    expected = board.resource_allocator()
    from_windows = virtio_count + (2 if board.uart.window is None else 0)
    for _ in range(from_windows):
        expected.mmio32.allocate_first(0x1000, 0x1000)
    for _ in range(virtio_count + 2):
        expected.gsis.allocate()
    assert resources.mmio32.tree == expected.mmio32.tree
    assert (resources.gsis.following, resources.gsis.freed) == (
        expected.gsis.following,
        expected.gsis.freed,
    )


@pytest.mark.parametrize(
    ("name", "mmio32", "mmio64", "past", "msis"),
    [
        ("firecracker-1.12", (0x4000_0000, 0x7FFF_FFFF), None, None, range(0)),
        (
            "firecracker-1.13",
            (0x4000_3000, 0x6FFF_FFFF),
            (0x40_0000_0000, 0x7F_FFFF_FFFF),
            None,
            range(96, 4096),
        ),
        (
            "firecracker-1.14",
            (0x4000_3000, 0x6FFF_FFFF),
            (0x40_0000_0000, 0x7F_FFFF_FFFF),
            (0x80_0000_0000, 0xFF_FFFF_FFFF),
            range(96, 4096),
        ),
    ],
)
def test_the_spaces_of_firecracker(
    name: str,
    mmio32: tuple[int, int],
    mmio64: tuple[int, int] | None,
    past: tuple[int, int] | None,
    msis: range,
) -> None:
    """`src/vmm/src/arch/aarch64/layout.rs` at the tags."""
    resources = boards.get(name).resource_allocator()
    assert span(resources.mmio32.tree) == mmio32
    assert span(resources.mmio64.tree) == mmio64
    assert span(resources.past_mmio64.tree) == past
    assert resources.msi_gsis.gsis == msis


def span(tree: Node | None) -> tuple[int, int] | None:
    return None if tree is None else (tree.first, tree.last)
