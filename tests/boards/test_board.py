"""What every board must satisfy, and the numbers of each."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.arch.id_layouts import ID_AA64DFR0_EL1, ID_AA64ISAR1_EL1
from emu.boards.board import Board
from emu.boards.places import Place, Redistributors, Window
from emu.cpu import CORTEX_A72, MAX, CpuModel
from emu.errors import BoardError

SQUIB = boards.get("squib")
MIB = 1 << 20

each_board = pytest.mark.parametrize("board", boards.BOARDS.values(), ids=lambda b: b.name)


def windows(board: Board, vcpu_count: int, virtio_count: int) -> dict[str, Window]:
    """Everything that a board maps, each virtio transport by itself."""
    equipment = board.equip(virtio_count=virtio_count)
    parts = {
        **{f"device {n}": place.window for n, place in enumerate(equipment.places())},
        "GICD": board.gicd,
        "GICR": board.gicr.window(vcpu_count),
        "ITS": board.its(vcpu_count),
        "RAM": Window(board.dram_base, 1 << 40),
        **{f"reserved {n}": window for n, window in enumerate(board.reserved)},
    }
    return {name: window for name, window in parts.items() if window is not None}


@each_board
@pytest.mark.parametrize("vcpu_count", [1, 32])
def test_nothing_overlaps_with_the_most_devices(board: Board, vcpu_count: int) -> None:
    for (a, one), (b, other) in combinations(windows(board, vcpu_count, 32).items(), 2):
        assert one.end <= other.base or other.end <= one.base, (a, b)


@each_board
def test_each_interrupt_has_one_source(board: Board) -> None:
    equipment = board.equip(virtio_count=32)
    left = board.resource_allocator(equipment).gsis.allocate()
    intids = [board.intid(gsi) for gsi in [*(place.gsi for place in equipment.places()), left]]
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
        replace(SQUIB, gicr=Redistributors(SQUIB.gicr.edge, 4 * MIB))


def test_the_map_of_squib() -> None:
    """squib, `crates/arch/src/layout.rs` and `crates/arch/src/gic.rs`."""
    assert (SQUIB.gicd, SQUIB.gicr.edge) == (Window(0x0800_0000, 0x1_0000), 0x080A_0000)
    assert SQUIB.gicr.window(3) == Window(0x080A_0000, 0x6_0000)
    assert SQUIB.its(1) is None
    equipment = SQUIB.equip(virtio_count=32)
    assert equipment.uart == Place(Window(0x0E0A_0000, 0x1000), gsi=1)
    assert equipment.rtc is None
    assert equipment.virtio[31] == Place(Window(0x0F01_F000, 0x1000), gsi=47)
    assert (SQUIB.dram_base, SQUIB.kernel_base) == (0x8000_0000, 0x8020_0000)
    assert SQUIB.counter_frequency_hz == 24_000_000


def place(window_base: int, gsi: int) -> Place:
    return Place(Window(window_base, 0x1000), gsi)


@pytest.mark.parametrize(
    ("release", "virtio", "uart", "rtc", "vmgenid"),
    [
        (
            "1.12",
            (place(0x4000_0000, 32), place(0x4000_1000, 33)),
            place(0x4000_2000, 34),
            place(0x4000_3000, 35),
            36,
        ),
        (
            "1.13",
            (place(0x4000_3000, 0), place(0x4000_4000, 1)),
            place(0x4000_2000, 2),
            place(0x4000_1000, 3),
            4,
        ),
    ],
)
def test_firecracker_hands_out_windows_and_interrupts_as_devices_are_attached(
    release: str, virtio: tuple[Place, ...], uart: Place, rtc: Place, vmgenid: int
) -> None:
    """A block device and a network device, UART, RTC, and then VMGenID (`builder.rs`)."""
    board = boards.get(f"firecracker-{release}")
    equipment = board.equip(virtio_count=2)
    assert (equipment.virtio, equipment.uart, equipment.rtc) == (virtio, uart, rtc)
    assert board.resource_allocator(equipment).gsis.allocate() == vmgenid


def test_a_machine_without_a_console_has_its_interrupts_earlier() -> None:
    """Firecracker makes no UART for a command line without `console=`."""
    board = boards.get("firecracker")
    equipment = board.equip(virtio_count=1, has_console=False)
    assert (equipment.uart, equipment.rtc) == (None, place(0x4000_1000, 1))


@pytest.mark.parametrize("vcpu_count", [1, 2, 32])
def test_the_map_of_firecracker(vcpu_count: int) -> None:
    """The GIC grows downwards from 1 GiB: distributor, redistributors, ITS (from v1.13)."""
    board = boards.get("firecracker")
    assert board.gicd == Window(0x3FFF_0000, 0x1_0000)
    assert board.gicr.window(vcpu_count).end == board.gicd.base
    assert board.gicr.window(vcpu_count).size_bytes == vcpu_count * 0x2_0000
    its = board.its(vcpu_count)
    assert its == Window(board.gicr.window(vcpu_count).base - 0x2_0000, 0x2_0000)
    assert boards.get("firecracker-1.12").its(vcpu_count) is None


@each_board
def test_vmgenid_gets_the_end_of_the_system_memory(board: Board) -> None:
    resources = board.resource_allocator(board.equip())
    assert resources.system_memory.allocate_last(16, 8) == 0x801F_FFF0


def test_vmgenid_gets_intid_47_of_squib() -> None:
    assert SQUIB.intid(SQUIB.resource_allocator().gsis.allocate()) == 47


@pytest.mark.parametrize(
    ("name", "most", "message"),
    [
        ("squib", 32, "has 32 virtio-mmio slots"),
        ("firecracker", 94, "all GSIs of this board are taken"),
    ],
)
def test_more_transports_than_fit_are_refused(name: str, most: int, message: str) -> None:
    """Slots of squib; of Firecracker 96 GSIs, of which UART and clock take two."""
    board = boards.get(name)
    assert len(board.equip(virtio_count=most).virtio) == most
    with pytest.raises(BoardError, match=message):
        board.equip(virtio_count=most + 1)


def test_two_devices_at_one_place_are_refused() -> None:
    board = boards.get("firecracker")
    equipment = replace(board.equip(), virtio=(place(0x4000_3000, 7), place(0x4000_3000, 8)))
    with pytest.raises(BoardError, match="0x40003000 are not free"):
        board.resource_allocator(equipment)


@pytest.mark.parametrize("model", [MAX, CORTEX_A72], ids=lambda model: model.name)
def test_kvm_hides_what_firecracker_does_not_ask_for(model: CpuModel) -> None:
    """PMU and pointer authentication, whatever the processor has."""
    values = boards.get("firecracker").id_register_values(model)
    assert ID_AA64DFR0_EL1(values["ID_AA64DFR0_EL1"]).PMUVer == 0
    isar1 = ID_AA64ISAR1_EL1(values["ID_AA64ISAR1_EL1"])
    assert (isar1.APA, isar1.API, isar1.GPA, isar1.GPI) == (0, 0, 0, 0)
    assert values["ID_AA64DFR0_EL1"] == model.id_registers["ID_AA64DFR0_EL1"] & ~0xF00


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
    with pytest.raises(
        BoardError, match=r"unknown board .squid.; known: squib, firecracker-1\.9, "
    ):
        boards.get("squid")


@pytest.mark.parametrize(
    ("name", "board"),
    [
        ("firecracker-1.16.1", "firecracker-1.16"),
        ("firecracker-1.10.0", "firecracker-1.10"),
        ("firecracker", "firecracker-1.16"),
    ],
)
def test_a_patch_release_has_the_board_of_its_line(name: str, board: str) -> None:
    assert boards.get(name) is boards.get(board)
