"""What every board must satisfy, and the numbers of squib's."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.boards.board import Board, Redistributors, Window
from emu.errors import BoardError

SQUIB = boards.get("squib")
MIB = 1 << 20

each_board = pytest.mark.parametrize("board", boards.BOARDS.values(), ids=lambda b: b.name)


def windows(board: Board, vcpu_count: int) -> dict[str, Window]:
    """Everything that a board maps, each virtio slot by itself."""
    slots = {f"virtio {n}": board.virtio.window(n) for n in range(board.virtio.count)}
    return slots | {
        "GICD": board.gicd,
        "GICR": board.gicr.window(vcpu_count),
        "PL011": board.pl011,
        "RAM": Window(board.dram_base, 1 << 40),
        **{f"reserved {n}": window for n, window in enumerate(board.reserved)},
    }


@each_board
def test_nothing_overlaps_with_the_most_vcpus(board: Board) -> None:
    for (a, one), (b, other) in combinations(windows(board, board.max_vcpus).items(), 2):
        assert one.end <= other.base or other.end <= one.base, (a, b)


@each_board
def test_each_interrupt_has_one_source(board: Board) -> None:
    intids = [board.pl011_intid, *(board.intid(gsi) for gsi in board.free_gsis)]
    intids += range(board.virtio.first_intid, board.virtio.first_intid + board.virtio.count)
    assert len(set(intids)) == len(intids)
    assert set(intids) <= set(range(32, 32 + board.spi_count))


@each_board
def test_a_board_does_not_change(board: Board) -> None:
    """It is one object, shared by all machines."""
    with pytest.raises(FrozenInstanceError):
        board.dram_base = 0  # type: ignore[misc]  # what is tested
    assert hash(board) == hash(replace(board))


def test_overlapping_windows_are_refused() -> None:
    """With a stride of 4 MiB, 32 redistributors would reach beyond the UART."""
    with pytest.raises(BoardError, match="GICR ends at 0x100a0000, and PL011 begins at 0xe0a0000"):
        replace(SQUIB, gicr=Redistributors(SQUIB.gicr.base, 4 * MIB))


def test_the_map_of_squib() -> None:
    """squib, `crates/arch/src/layout.rs` and `crates/arch/src/gic.rs`."""
    assert (SQUIB.gicd, SQUIB.gicr.base) == (Window(0x0800_0000, 0x1_0000), 0x080A_0000)
    assert SQUIB.gicr.window(3) == Window(0x080A_0000, 0x6_0000)
    assert (SQUIB.pl011, SQUIB.pl011_intid) == (Window(0x0E0A_0000, 0x1000), 33)
    assert SQUIB.virtio.window(31) == Window(0x0F01_F000, 0x1000)
    assert SQUIB.virtio.first_intid + 31 == 79
    assert (SQUIB.dram_base, SQUIB.kernel_base) == (0x8000_0000, 0x8020_0000)
    assert SQUIB.counter_frequency_hz == 24_000_000


def test_vmgenid_gets_intid_47_and_the_end_of_the_system_memory() -> None:
    allocator = SQUIB.resource_allocator()
    assert SQUIB.intid(allocator.gsis.allocate()) == 47
    assert allocator.system_memory.allocate_last(16, 8) == 0x801F_FFF0


def test_each_machine_has_an_allocator_of_its_own() -> None:
    assert SQUIB.resource_allocator().gsis.allocate() == 15
    assert SQUIB.resource_allocator().gsis.allocate() == 15


@pytest.mark.parametrize("gsi", [-1, 96, 2**32 - 1])
def test_a_gsi_without_an_spi_is_refused(gsi: int) -> None:
    with pytest.raises(BoardError, match=f"GSI {gsi} has no SPI; the GIC has 96 SPIs"):
        SQUIB.intid(gsi)


def test_mpidrs_put_16_vcpus_into_a_cluster() -> None:
    mpidrs = SQUIB.mpidrs(18)
    assert [f"{mpidr:#x}" for mpidr in mpidrs[14:]] == [
        "0x8000000e",
        "0x8000000f",
        "0x80000100",
        "0x80000101",
    ]


@pytest.mark.parametrize("vcpu_count", [0, 33])
def test_vcpu_counts_out_of_range_are_refused(vcpu_count: int) -> None:
    with pytest.raises(BoardError, match=f"{vcpu_count} vCPUs; it takes 1 to 32"):
        SQUIB.mpidrs(vcpu_count)


@given(st.integers(6, 64 * 1024).map(lambda mib: mib * MIB))
def test_the_device_tree_is_in_the_last_2_mib_of_ram(ram_size_bytes: int) -> None:
    fdt, ram = SQUIB.fdt(ram_size_bytes), SQUIB.ram(ram_size_bytes)
    assert (fdt.end, fdt.size_bytes) == (ram.end, 2 * MIB)
    assert ram == Window(0x8000_0000, ram_size_bytes)


@pytest.mark.parametrize("ram_size_bytes", [-4096, 0, 4096, 6 * MIB - 4096])
def test_too_little_ram_is_refused(ram_size_bytes: int) -> None:
    with pytest.raises(BoardError, match=r"too few; it needs 6291456 \(6 MiB\) or more"):
        SQUIB.fdt(ram_size_bytes)


def test_ram_comes_in_pages() -> None:
    with pytest.raises(BoardError, match="give a multiple of 4096"):
        SQUIB.ram(8 * MIB + 1)


def test_an_unknown_board_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BoardError, match="unknown board 'squid'; known: squib"):
        boards.get("squid")
