"""The device tree tells the guest what the board is: Firecracker's, by release."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.boards.device_tree import Description, build_fdt
from emu.boards.device_tree.values import EDGE_RISING, LEVEL_HIGH
from emu.boards.places import Window
from emu.core.fdt import Node, cells, parse, read_cells, read_cells64, read_strings
from emu.cpu import CORTEX_A72, MAX
from emu.devices.vmgenid import VmGenIdState
from tests.boards.device_tree.descriptions import SEED, VMCLOCK, describe
from tests.boards.device_tree.reading import interrupts, text, windows

MIB = 1 << 20
RELEASES = [name for name in boards.BOARDS if name.startswith("firecracker-")]
LATEST = "firecracker-1.16"


def tree(release: str, **changes: Any) -> Node:
    return parse(build_fdt(describe(release, **changes)))


def names(node: Node, prefix: str = "") -> list[str]:
    return [child.name for child in node.children if child.name.startswith(prefix)]


def since(first: str) -> list[tuple[str, bool]]:
    """Each release, and whether it is `first` or later."""
    return [(name, RELEASES.index(name) >= RELEASES.index(first)) for name in RELEASES]


# --- what a release brought ---------------------------------------------------------------------


@pytest.mark.parametrize(("release", "has_it"), since("firecracker-1.13"))
def test_the_its_is_told_from_v1_13(release: str, has_it: bool) -> None:
    """Below the redistributors, as a child of the interrupt controller."""
    controller = tree(release)["intc"]
    assert names(controller) == (["msic"] if has_it else [])
    if has_it:
        assert windows(controller["msic"]) == [Window(0x3FFB_0000, 0x2_0000)]


@pytest.mark.parametrize(("release", "has_it"), since("firecracker-1.14"))
def test_virtio_is_dma_coherent_from_v1_14(release: str, has_it: bool) -> None:
    root = tree(release)
    for name in names(root, "virtio_mmio@"):
        assert ("dma-coherent" in root[name].properties) is has_it


@pytest.mark.parametrize(("release", "has_it"), since("firecracker-1.15"))
def test_vmclock_is_told_from_v1_15(release: str, has_it: bool) -> None:
    root = tree(release, vmclock=VMCLOCK if has_it else None)
    assert names(root, "ptp@") == (["ptp@2149572608"] if has_it else [])
    if has_it:
        node = root["ptp@2149572608"]
        assert windows(node) == [Window(0x801F_E000, 0x1000)]
        assert interrupts(node) == [(37, EDGE_RISING)]


@pytest.mark.parametrize(("release", "has_it"), since("firecracker-1.16"))
def test_randomness_is_told_from_v1_16(release: str, has_it: bool) -> None:
    chosen = tree(release, rng_seed=SEED)["chosen"].properties
    assert chosen.get("rng-seed") == (SEED if has_it else None)
    assert chosen.get("linux,pci-probe-only") == (cells(1) if has_it else None)


# --- what all of them have ----------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES)
def test_each_device_has_the_place_that_the_board_gave_it(release: str) -> None:
    board = boards.get(release)
    equipment = board.equip(virtio_count=3)
    root = tree(release, equipment=equipment)
    assert equipment.uart is not None
    assert equipment.rtc is not None
    uart, rtc = root[names(root, "uart@")[0]], root[names(root, "rtc@")[0]]
    assert windows(uart) == [equipment.uart.window]
    assert interrupts(uart) == [(board.intid(equipment.uart.gsi), EDGE_RISING)]
    assert windows(rtc) == [equipment.rtc.window]
    assert "interrupts" not in rtc.properties
    virtio = [root[name] for name in names(root, "virtio_mmio@")]
    assert [windows(node) for node in virtio] == [[p.window] for p in equipment.virtio]
    assert [interrupts(node) for node in virtio] == [
        [(board.intid(place.gsi), EDGE_RISING)] for place in equipment.virtio
    ]


def test_a_machine_without_a_console_has_no_uart() -> None:
    root = tree(LATEST, equipment=boards.get(LATEST).equip(has_console=False))
    assert names(root, "uart@") == []


def test_a_clock_runs_uart_and_rtc() -> None:
    root = tree(LATEST)
    phandle = root["apb-pclk"].properties["phandle"]
    for name in [*names(root, "uart@"), *names(root, "rtc@")]:
        assert root[name].properties["clocks"] == phandle


@given(st.integers(1, 32))
def test_each_vcpu_has_a_node_by_index_with_its_affinity(vcpu_count: int) -> None:
    board = boards.get(LATEST)
    cpus = tree(LATEST, mpidrs=board.mpidrs(vcpu_count))["cpus"]
    assert names(cpus) == [f"cpu@{n:x}" for n in range(vcpu_count)]
    affinities = [read_cells64(cpu.properties["reg"])[0] for cpu in cpus.children]
    assert affinities == [mpidr & 0x7F_FFFF for mpidr in board.mpidrs(vcpu_count)]


def test_the_interrupt_controller_is_told_with_its_maintenance_interrupt() -> None:
    board = boards.get(LATEST)
    node = tree(LATEST, mpidrs=board.mpidrs(2))["intc"]
    assert windows(node) == [board.gicd, Window(0x3FFB_0000, 0x4_0000)]
    assert interrupts(node) == [(25, LEVEL_HIGH)]


def test_the_timers_interrupts_are_level_sensitive() -> None:
    assert interrupts(tree(LATEST)["timer"]) == [(n, LEVEL_HIGH) for n in (29, 30, 27, 26)]


def test_psci_is_told_as_0_2_whatever_kvm_has() -> None:
    node = tree(LATEST)["psci"]
    assert read_strings(node.properties["compatible"]) == ("arm,psci-0.2",)
    assert text(node, "method") == "hvc"


def test_vmgenid_is_an_edge_interrupt_and_16_bytes() -> None:
    node = tree(LATEST, vmgenid=VmGenIdState(gsi=4, addr=0x801F_FFF0))["vmgenid"]
    assert windows(node) == [Window(0x801F_FFF0, 16)]
    assert read_cells(node.properties["interrupts"]) == (0, 4, EDGE_RISING)


@given(st.integers(6, 1 << 17))
def test_memory_leaves_out_the_system_memory(ram_mib: int) -> None:
    (memory,) = windows(tree(LATEST, ram_size_bytes=ram_mib * MIB)["memory@ram"])
    assert memory == Window(0x8020_0000, (ram_mib - 2) * MIB)


# --- caches -------------------------------------------------------------------------------------


def test_the_caches_are_those_of_the_cpu_model() -> None:
    """Cortex-A72, TRM 100095, 6.1 and 7.1: 32 KiB of data, 48 KiB of instructions, 1 MiB of L2."""
    cpu = tree(LATEST, cpu_model=CORTEX_A72)["cpus"]["cpu@0"]
    sizes = [read_cells(cpu.properties[f"{kind}-cache-size"])[0] for kind in "di"]
    assert sizes == [32 << 10, 48 << 10]
    second = cpu["l2-0-cache"].properties
    assert read_cells(second["cache-size"]) == (1 << 20,)
    assert read_cells(second["cache-line-size"]) == (64,)
    assert cpu.properties["next-level-cache"] == second["phandle"]


def test_each_cpu_has_caches_of_its_own() -> None:
    board = boards.get(LATEST)
    cpus = tree(LATEST, mpidrs=board.mpidrs(4), cpu_model=MAX)["cpus"].children
    phandles = [cpu.properties["next-level-cache"] for cpu in cpus]
    assert phandles == [cells(4000 - n) for n in range(4)]
    assert [cpu.children[0].name for cpu in cpus] == [f"l2-{n}-cache" for n in range(4)]


def test_a_description_is_plain_data() -> None:
    """The same machine gives the same bytes."""
    assert isinstance(describe(LATEST), Description)
    assert build_fdt(describe(LATEST)) == build_fdt(describe(LATEST))
