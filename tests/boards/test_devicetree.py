"""The device tree tells the guest what the board is."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu import boards
from emu.arch.smccc import Conduit
from emu.boards.board import Window
from emu.boards.devicetree import (
    EDGE_RISING,
    LEVEL_HIGH,
    build_fdt,
    compose_bootargs,
    interrupt_cells,
    interrupt_intid,
)
from emu.boards.services import CallHandling
from emu.core.fdt import Node, cells, parse, read_cells, read_cells64, read_strings
from emu.devices.vmgenid import VmGenIdState
from emu.errors import BoardError

SQUIB = boards.get("squib")
MIB = 1 << 20
DTC = shutil.which("dtc")
SLOTS = st.lists(st.integers(0, 31), max_size=32, unique=True)


def blob(**changes: Any) -> bytes:
    """The device tree of a small machine, or one that differs in `changes`."""
    machine: dict[str, Any] = {
        "ram_size_bytes": 128 * MIB,
        "mpidrs": SQUIB.mpidrs(2),
        "bootargs": "",
        "vmgenid": VmGenIdState(gsi=15, addr=0x801F_FFF0),
    }
    return build_fdt(changes.pop("board", SQUIB), **{**machine, **changes})


def tree(**changes: Any) -> Node:
    return parse(blob(**changes))


def windows(node: Node) -> list[Window]:
    reg = read_cells64(node.properties["reg"])
    return [Window(*pair) for pair in zip(reg[::2], reg[1::2], strict=True)]


def interrupts(node: Node) -> list[tuple[int, int]]:
    """INTID and flags of each interrupt."""
    flat = read_cells(node.properties["interrupts"])
    triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return [(interrupt_intid(kind, number), flags) for kind, number, flags in triples]


def text(node: Node, name: str) -> str:
    (value,) = read_strings(node.properties[name])
    return value


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
    assert windows(node) == [SQUIB.pl011]
    assert interrupts(node) == [(SQUIB.pl011_intid, LEVEL_HIGH)]
    assert root[text(root["chosen"], "stdout-path")] == node


def test_the_uart_runs_at_24_mhz() -> None:
    root = tree()
    clock = root["apb_clk"].properties
    assert root["pl011@e0a0000"].properties["clocks"] == clock["phandle"]
    assert read_cells(clock["clock-frequency"]) == (24_000_000,)


@given(SLOTS)
def test_each_virtio_slot_in_use_has_its_window_and_interrupt(slots: list[int]) -> None:
    root = tree(virtio_slots=slots)
    found = [node for node in root.children if node.name.startswith("virtio_mmio@")]
    assert [windows(node) for node in found] == [[SQUIB.virtio.window(n)] for n in slots]
    assert [interrupts(node) for node in found] == [[(48 + n, EDGE_RISING)] for n in slots]
    assert [node.name.partition("@")[2] for node in found] == [
        f"{SQUIB.virtio.window(n).base:x}" for n in slots
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


@pytest.mark.parametrize(
    ("given_args", "composed"),
    [
        ("", "console=ttyAMA0 panic=1"),
        ("  quiet ", "quiet console=ttyAMA0 panic=1"),
        ("console=hvc0", "console=hvc0 panic=1"),
        ("panic=0 console=ttyS0", "panic=0 console=ttyS0"),
        ("panic", "panic console=ttyAMA0"),
        ("xconsole=1 panic_on_warn=1", "xconsole=1 panic_on_warn=1 console=ttyAMA0 panic=1"),
        ('init="/bin/a  b"', 'init="/bin/a  b" console=ttyAMA0 panic=1'),
    ],
)
def test_boot_arguments_get_defaults_where_the_user_gave_none(
    given_args: str, composed: str
) -> None:
    assert compose_bootargs(given_args) == composed
    assert text(tree(bootargs=given_args)["chosen"], "bootargs") == composed


@given(st.text())
def test_composing_boot_arguments_twice_changes_nothing_more(bootargs: str) -> None:
    composed = compose_bootargs(bootargs)
    assert compose_bootargs(composed) == composed


def test_the_initial_ram_disk_is_told_by_start_and_end() -> None:
    properties = tree(initrd=Window(0x9000_0000, 0x1234))["chosen"].properties
    assert read_cells64(properties["linux,initrd-start"]) == (0x9000_0000,)
    assert read_cells64(properties["linux,initrd-end"]) == (0x9000_1234,)
    assert "linux,initrd-start" not in tree()["chosen"].properties


# --- interrupt cells -------------------------------------------------------------------------


@given(st.integers(16, 1019), st.sampled_from([EDGE_RISING, LEVEL_HIGH]))
def test_interrupt_cells_invert(intid: int, flags: int) -> None:
    kind, number, told = interrupt_cells(intid, flags)
    assert (interrupt_intid(kind, number), told) == (intid, flags)
    assert kind == (1 if intid < 32 else 0)


@pytest.mark.parametrize("intid", [-1, 0, 15, 1020, 8192])
def test_an_sgi_special_intid_or_lpi_has_no_cells(intid: int) -> None:
    with pytest.raises(BoardError, match=f"INTID {intid} is no PPI"):
        interrupt_cells(intid, LEVEL_HIGH)


def test_an_unknown_kind_of_interrupt_is_refused() -> None:
    with pytest.raises(BoardError, match="kind 2"):
        interrupt_intid(2, 0)


# --- limits ----------------------------------------------------------------------------------


@given(vcpu_count=st.integers(1, 32), slots=SLOTS, bootargs=st.text("ab =", max_size=2048))
def test_the_blob_fits_its_place(vcpu_count: int, slots: list[int], bootargs: str) -> None:
    """2 MiB is the most that Linux maps."""
    found = blob(mpidrs=SQUIB.mpidrs(vcpu_count), virtio_slots=slots, bootargs=bootargs)
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
        ({"virtio_slots": (0, 0)}, r"virtio slots \[0, 0\]; each must be within 0 and 31"),
        ({"virtio_slots": (32,)}, r"virtio slots \[32\]"),
        ({"virtio_slots": (-1,)}, r"virtio slots \[-1\]"),
        ({"vmgenid": VmGenIdState(gsi=96, addr=0)}, "GSI 96 has no SPI"),
        ({"bootargs": "quiet\0"}, "has a NUL"),
    ],
)
def test_what_the_board_does_not_have_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BoardError, match=message):
        blob(**change)


@pytest.mark.skipif(DTC is None, reason="dtc (device-tree-compiler) is not installed")
def test_dtc_finds_nothing_to_warn_of() -> None:
    """But that the vmgenid node has no unit address, which is Firecracker's choice."""
    assert DTC is not None
    command = [DTC, "-I", "dtb", "-O", "dts", "-W", "no-unit_address_vs_reg"]
    full = blob(mpidrs=SQUIB.mpidrs(32), virtio_slots=range(32), initrd=Window(0x9000_0000, 1))
    done = subprocess.run(command, input=full, capture_output=True, check=True)
    assert done.stderr == b""
