"""The device tree of Firecracker.

Source: `src/vmm/src/arch/aarch64/fdt.rs` and `gic/gicv3/mod.rs` of each release from v1.9.0 to
v1.16.0. Where a release takes the order of nodes from a hash map (RTC and UART, up to v1.12), ours
is that of later ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from emu.arch.vmclock import PAGE_SIZE_BYTES as VMCLOCK_PAGE_SIZE_BYTES
from emu.boards.board import Board
from emu.boards.device_tree import nodes
from emu.boards.device_tree.caches import add_caches
from emu.boards.device_tree.description import Description
from emu.boards.device_tree.values import (
    CLOCK_PHANDLE,
    EDGE_RISING,
    GIC_PHANDLE,
    LEVEL_HIGH,
    interrupts,
    reg,
)
from emu.boards.places import Place, Window
from emu.boards.tree_content import FirecrackerTree
from emu.core.fdt import EMPTY, Node, cells, cells64, strings
from emu.devices.vmclock import VmClockState

_MSI_PHANDLE: Final = 3
_GIC_MAINTENANCE_INTID: Final = 25  # PPI 9
_AFFINITY: Final = 0x7F_FFFF
_PSCI_COMPATIBLE: Final = "arm,psci-0.2"  # whatever version KVM has


def root(content: FirecrackerTree, machine: Description) -> Node:
    """The whole tree; `BoardError` if something is out of the board's range."""
    return Node(
        properties={
            "compatible": strings("linux,dummy-virt"),
            "#address-cells": cells(2),
            "#size-cells": cells(2),
            "interrupt-parent": cells(GIC_PHANDLE),
        },
        children=list(_children(content, machine)),
    )


def _children(content: FirecrackerTree, machine: Description) -> Iterator[Node]:
    board, equipment = machine.board, machine.equipment
    yield _cpus(machine)
    yield Node("memory@ram", {"device_type": strings("memory"), "reg": reg(machine.memory)})
    yield _chosen(machine)
    yield _interrupt_controller(board, len(machine.mpidrs))
    yield nodes.timer(board, LEVEL_HIGH)
    yield nodes.uart_clock("apb-pclk")
    yield Node("psci", {"compatible": strings(_PSCI_COMPATIBLE), "method": strings("hvc")})
    if equipment.rtc is not None:
        yield _rtc(equipment.rtc)
    if equipment.uart is not None:
        yield _uart(board, equipment.uart)
    for place in sorted(equipment.virtio, key=lambda place: place.window.base):
        yield _virtio(content, board, place)
    if machine.vmgenid is not None:
        yield nodes.vmgenid(board, machine.vmgenid)
    if machine.vmclock is not None:
        yield _vmclock(board, machine.vmclock)


def _cpus(machine: Description) -> Node:
    cpus = Node("cpus", {"#address-cells": cells(2), "#size-cells": cells(0)})
    for index, mpidr in enumerate(machine.mpidrs):
        cpu = Node(
            f"cpu@{index:x}",
            {
                "device_type": strings("cpu"),
                "compatible": strings("arm,arm-v8"),
                "enable-method": strings("psci"),
                "reg": cells64(mpidr & _AFFINITY),
            },
        )
        add_caches(cpu, machine.cpu_model, index=index, cpu_count=len(machine.mpidrs))
        cpus.children.append(cpu)
    return cpus


def _chosen(machine: Description) -> Node:
    properties = {"bootargs": strings(machine.bootargs)}
    if machine.initrd is not None:
        properties["linux,initrd-start"] = cells64(machine.initrd.base)
        properties["linux,initrd-end"] = cells64(machine.initrd.end)
    if machine.board.rng_seed_size_bytes:  # both came with v1.16
        properties["linux,pci-probe-only"] = cells(1)
        properties["rng-seed"] = machine.rng_seed
    return Node("chosen", properties)


def _interrupt_controller(board: Board, vcpu_count: int) -> Node:
    its = board.its(vcpu_count)
    return Node(
        "intc",
        {
            "compatible": strings("arm,gic-v3"),
            "interrupt-controller": EMPTY,
            "#interrupt-cells": cells(3),
            "reg": reg(board.gicd, board.gicr.window(vcpu_count)),
            "phandle": cells(GIC_PHANDLE),
            "#address-cells": cells(2),
            "#size-cells": cells(2),
            "ranges": EMPTY,
            "interrupts": interrupts(_GIC_MAINTENANCE_INTID, flags=LEVEL_HIGH),
        },
        [] if its is None else [_its(its)],
    )


def _its(window: Window) -> Node:
    return Node(
        "msic",
        {
            "compatible": strings("arm,gic-v3-its"),
            "msi-controller": EMPTY,
            "phandle": cells(_MSI_PHANDLE),
            "reg": reg(window),
        },
    )


def _rtc(place: Place) -> Node:
    """It has a GSI, but no interrupt."""
    return Node(
        f"rtc@{place.window.base:x}",
        {
            "compatible": strings("arm,pl031", "arm,primecell"),
            "reg": reg(place.window),
            "clocks": cells(CLOCK_PHANDLE),
            "clock-names": strings("apb_pclk"),
        },
    )


def _uart(board: Board, place: Place) -> Node:
    return Node(
        f"uart@{place.window.base:x}",
        {
            "compatible": strings("ns16550a"),
            "reg": reg(place.window),
            "clocks": cells(CLOCK_PHANDLE),
            "clock-names": strings("apb_pclk"),
            "interrupts": interrupts(board.intid(place.gsi), flags=EDGE_RISING),
        },
    )


def _virtio(content: FirecrackerTree, board: Board, place: Place) -> Node:
    coherent = {"dma-coherent": EMPTY} if content.virtio_is_coherent else {}
    return Node(
        f"virtio_mmio@{place.window.base:x}",
        {
            **coherent,
            "compatible": strings("virtio,mmio"),
            "reg": reg(place.window),
            "interrupts": interrupts(board.intid(place.gsi), flags=EDGE_RISING),
            "interrupt-parent": cells(GIC_PHANDLE),
        },
    )


def _vmclock(board: Board, vmclock: VmClockState) -> Node:
    """Its unit address is decimal."""
    return Node(
        f"ptp@{vmclock.guest_address}",
        {
            "compatible": strings("amazon,vmclock"),
            "reg": cells64(vmclock.guest_address, VMCLOCK_PAGE_SIZE_BYTES),
            "interrupts": interrupts(board.intid(vmclock.gsi), flags=EDGE_RISING),
        },
    )
