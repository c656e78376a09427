"""The device tree tells the guest what the board is: squib's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.arch.smccc import Conduit
from emu.boards.device_tree import Description, build_fdt
from emu.boards.device_tree.values import EDGE_RISING, LEVEL_HIGH
from emu.boards.equipment import Equipment
from emu.boards.places import Place, Window
from emu.boards.services import CallHandling
from emu.boards.squib import VIRTIO_SLOTS
from emu.core.fdt import Node, cells, parse, read_cells, read_cells64, read_strings
from emu.cpu import MAX
from emu.devices.vmgenid import VmGenIdState
from emu.errors import BoardError
from tests.boards.device_tree.reading import interrupts, text, windows

SQUIB = boards.get("squib")
MIB = 1 << 20
UART = Place(Window(0x0E0A_0000, 0x1000), gsi=1)
NOWHERE = Window(0x0F05_0000, 0x1000)
SLOTS = st.lists(st.integers(0, 31), max_size=32, unique=True)


def transports(slots: Iterable[int]) -> tuple[Place, ...]:
    """The virtio transports of these slots."""
    return tuple(map(VIRTIO_SLOTS.place, slots))


def blob(**changes: Any) -> bytes:
    """The device tree of a small machine, or one that differs in `changes`."""
    machine: dict[str, Any] = {
        "board": SQUIB,
        "cpu_model": MAX,
        "equipment": SQUIB.equip(),
        "ram_size_bytes": 128 * MIB,
        "mpidrs": SQUIB.mpidrs(2),
        "bootargs": "",
        "vmgenid": VmGenIdState(gsi=15, addr=0x801F_FFF0),
    }
    if "slots" in changes:
        changes["equipment"] = Equipment(UART, None, transports(changes.pop("slots")))
    return build_fdt(Description(**machine | changes))


def tree(**changes: Any) -> Node:
    return parse(blob(**changes))


# --- addresses and interrupts are the board's ------------------------------------------------


@given(st.integers(1, 32))
def test_the_interrupt_controller_has_a_redistributor_for_each_vcpu(vcpu_count: int) -> None:
    node = tree(mpidrs=SQUIB.mpidrs(vcpu_count))["intc@8000000"]
    assert text(node, "compatible") == "arm,gic-v3"
    assert windows(node) == [SQUIB.gicd, SQUIB.gicr.window(vcpu_count)]
    assert read_cells64(node.properties["redistributor-stride"]) == (SQUIB.gicr.stride_bytes,)


def test_the_uart_is_the_console() -> None:
    root = tree()
    node = root["pl011@e0a0000"]
    assert windows(node) == [UART.window]
    assert interrupts(node) == [(33, LEVEL_HIGH)]
    assert root[text(root["chosen"], "stdout-path")] == node


def test_the_uart_runs_at_24_mhz() -> None:
    root = tree()
    clock = root["apb_clk"].properties
    assert root["pl011@e0a0000"].properties["clocks"] == clock["phandle"]
    assert read_cells(clock["clock-frequency"]) == (24_000_000,)


@given(SLOTS)
def test_each_virtio_slot_in_use_has_its_window_and_interrupt(slots: list[int]) -> None:
    root = tree(slots=slots)
    found = [node for node in root.children if node.name.startswith("virtio_mmio@")]
    assert [windows(node) for node in found] == [[VIRTIO_SLOTS.place(n).window] for n in slots]
    assert [interrupts(node) for node in found] == [[(48 + n, EDGE_RISING)] for n in slots]
    assert [node.name.partition("@")[2] for node in found] == [
        f"{VIRTIO_SLOTS.place(n).window.base:x}" for n in slots
    ]


def test_the_timer_has_the_ppis_13_14_11_10() -> None:
    """Secure, non-secure physical, virtual and hypervisor timer: the binding's order."""
    flat = read_cells(tree()["timer"].properties["interrupts"])
    assert flat == (1, 13, 0xF08, 1, 14, 0xF08, 1, 11, 0xF08, 1, 10, 0xF08)
    timers = SQUIB.timers
    expected = [timers.secure_physical, timers.physical, timers.virtual, timers.hypervisor]
    assert [intid for intid, _ in interrupts(tree()["timer"])] == expected


def test_vmgenid_is_told_as_firecracker_tells_it() -> None:
    node = tree()["vmgenid"]
    assert text(node, "compatible") == "microsoft,vmgenid"
    assert windows(node) == [Window(0x801F_FFF0, 16)]
    assert read_cells(node.properties["interrupts"]) == (0, 15, EDGE_RISING)


def test_a_machine_without_vmgenid_has_no_node_for_it() -> None:
    assert "vmgenid" not in [node.name for node in tree(vmgenid=None).children]


@given(st.integers(6, 1 << 20))
def test_memory_leaves_out_the_system_memory(ram_mib: int) -> None:
    """So Linux never allocates the page that VMGenID is in."""
    (memory,) = windows(tree(ram_size_bytes=ram_mib * MIB)["memory@80200000"])
    assert memory == Window(0x8020_0000, (ram_mib - 2) * MIB)


# --- CPUs and PSCI ---------------------------------------------------------------------------


@given(st.integers(1, 32))
def test_each_vcpu_has_a_node_with_its_affinity(vcpu_count: int) -> None:
    cpus = tree(mpidrs=SQUIB.mpidrs(vcpu_count))["cpus"].children
    assert [read_cells(cpu.properties["reg"])[0] | 1 << 31 for cpu in cpus] == list(
        SQUIB.mpidrs(vcpu_count)
    )
    assert {text(cpu, "enable-method") for cpu in cpus} == {"psci"}


def test_psci_is_called_by_hvc() -> None:
    node = tree()["psci"]
    assert read_strings(node.properties["compatible"]) == ("arm,psci-1.0", "arm,psci-0.2")
    assert text(node, "method") == "hvc"


def test_psci_is_told_as_the_board_has_it() -> None:
    """By the other instruction, and of a version without PSCI_FEATURES."""
    services = replace(SQUIB.firmware, psci_version=2, conduit=Conduit.SMC, smc=CallHandling.SERVED)
    node = tree(board=replace(SQUIB, firmware=services))["psci"]
    assert read_strings(node.properties["compatible"]) == ("arm,psci-0.2",)
    assert text(node, "method") == "smc"


def test_the_root_names_the_model_and_the_interrupt_controller() -> None:
    root = tree()
    assert text(root, "model") == "squib,microvm"
    assert root.properties["interrupt-parent"] == root["intc@8000000"].properties["phandle"]
    assert root.properties["#address-cells"] == root.properties["#size-cells"] == cells(2)


# --- chosen ----------------------------------------------------------------------------------


def test_the_command_line_is_told_as_it_is() -> None:
    assert text(tree(bootargs="quiet  console=x")["chosen"], "bootargs") == "quiet  console=x"


def test_a_machine_without_a_uart_has_no_node_for_it() -> None:
    root = tree(equipment=SQUIB.equip(has_console=False))
    assert not [node.name for node in root.children if node.name.startswith("pl011")]
    assert "stdout-path" not in root["chosen"].properties


def test_the_initial_ram_disk_is_told_by_start_and_end() -> None:
    properties = tree(initrd=Window(0x9000_0000, 0x1234))["chosen"].properties
    assert read_cells64(properties["linux,initrd-start"]) == (0x9000_0000,)
    assert read_cells64(properties["linux,initrd-end"]) == (0x9000_1234,)
    assert "linux,initrd-start" not in tree()["chosen"].properties


# --- limits ----------------------------------------------------------------------------------


@given(vcpu_count=st.integers(1, 32), slots=SLOTS, bootargs=st.text("ab =", max_size=2048))
def test_the_blob_fits_its_place(vcpu_count: int, slots: list[int], bootargs: str) -> None:
    """2 MiB is the most that Linux maps."""
    found = blob(mpidrs=SQUIB.mpidrs(vcpu_count), slots=slots, bootargs=bootargs)
    assert len(found) <= SQUIB.fdt_size_bytes == 2 * MIB


def test_a_blob_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BoardError, match="shorten the boot arguments"):
        blob(bootargs="x" * 2 * MIB)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ram_size_bytes": 4 * MIB}, "too few"),
        ({"mpidrs": ()}, "0 vCPUs; it takes 1 to 32"),
        ({"mpidrs": range(33)}, "33 vCPUs"),
        ({"mpidrs": (0, 1 << 31)}, "two vCPUs have the same affinity"),
        ({"mpidrs": (0, 1 << 32)}, "Aff3 other than 0"),
        ({"slots": (0, 0)}, "two devices have the window 0xf000000"),
        ({"equipment": Equipment(UART, None, (Place(NOWHERE, 96),))}, "GSI 96 has no SPI"),
        ({"vmgenid": VmGenIdState(gsi=96, addr=0)}, "GSI 96 has no SPI"),
        ({"bootargs": "quiet\0"}, "has a NUL"),
    ],
)
def test_what_the_board_does_not_have_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BoardError, match=message):
        blob(**change)
