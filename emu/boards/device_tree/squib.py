"""The device tree of squib.

Sources: `specs/13-arch-and-boot.md`, section 6, of squib 0.2.0; bindings in Linux v6.10,
`Documentation/devicetree/bindings` (`arm/cpus.yaml`, `arm/psci.yaml`,
`interrupt-controller/arm,gic-v3.yaml`, `serial/pl011.yaml`, `virtio/mmio.yaml`). The `vmgenid` node
is Firecracker's, since squib has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from emu.arch.psci import VERSION_1_0
from emu.boards.board import Board
from emu.boards.device_tree import nodes
from emu.boards.device_tree.description import Description
from emu.boards.device_tree.values import (
    CLOCK_PHANDLE,
    EDGE_RISING,
    GIC_PHANDLE,
    LEVEL_HIGH,
    LEVEL_LOW,
    interrupts,
    reg,
)
from emu.boards.places import Place, Window
from emu.boards.tree_content import SquibTree
from emu.core.fdt import EMPTY, Node, cells, cells64, strings

_TIMER_FLAGS: Final = 0xF00 | LEVEL_LOW  # on every CPU; timers pull their lines low
_AFFINITY: Final = 0xFF_FFFF


def root(content: SquibTree, machine: Description) -> Node:
    """The whole tree; `BoardError` if something is out of the board's range."""
    return Node(
        properties={
            "model": strings(content.model),
            "compatible": strings(*content.compatible),
            "#address-cells": cells(2),
            "#size-cells": cells(2),
            "interrupt-parent": cells(GIC_PHANDLE),
        },
        children=list(_children(machine)),
    )


def _children(machine: Description) -> Iterator[Node]:
    board = machine.board
    yield _chosen(machine)
    yield _memory(machine.memory)
    yield _cpus(machine.mpidrs)
    yield _psci(board)
    yield nodes.timer(board, _TIMER_FLAGS)
    yield _interrupt_controller(board, len(machine.mpidrs))
    if machine.equipment.uart is not None:
        yield _uart(board, machine.equipment.uart)
    for place in machine.equipment.virtio:
        yield _virtio(board, place)
    yield nodes.uart_clock("apb_clk")
    if machine.vmgenid is not None:
        yield nodes.vmgenid(board, machine.vmgenid)


def _uart_name(place: Place) -> str:
    return f"pl011@{place.window.base:x}"


def _chosen(machine: Description) -> Node:
    properties = {"bootargs": strings(machine.bootargs)}
    if machine.equipment.uart is not None:
        properties["stdout-path"] = strings(f"/{_uart_name(machine.equipment.uart)}")
    if machine.initrd is not None:
        properties["linux,initrd-start"] = cells64(machine.initrd.base)
        properties["linux,initrd-end"] = cells64(machine.initrd.end)
    return Node("chosen", properties)


def _memory(memory: Window) -> Node:
    return Node(f"memory@{memory.base:x}", {"device_type": strings("memory"), "reg": reg(memory)})


def _cpus(mpidrs: Sequence[int]) -> Node:
    return Node(
        "cpus",
        {"#address-cells": cells(1), "#size-cells": cells(0)},
        [_cpu(mpidr & _AFFINITY) for mpidr in mpidrs],
    )


def _cpu(affinity: int) -> Node:
    return Node(
        f"cpu@{affinity:x}",
        {
            "device_type": strings("cpu"),
            "compatible": strings("arm,armv8"),
            "enable-method": strings("psci"),
            "reg": cells(affinity),
        },
    )


def _psci(board: Board) -> Node:
    return Node(
        "psci",
        {
            "compatible": strings(*_psci_compatible(board.firmware.psci_version)),
            "method": strings(board.firmware.conduit),
        },
    )


def _psci_compatible(version: int) -> tuple[str, ...]:
    return ("arm,psci-1.0", "arm,psci-0.2") if version >= VERSION_1_0 else ("arm,psci-0.2",)


def _interrupt_controller(board: Board, vcpu_count: int) -> Node:
    return Node(
        f"intc@{board.gicd.base:x}",
        {
            "compatible": strings("arm,gic-v3"),
            "#address-cells": cells(0),
            "#interrupt-cells": cells(3),
            "interrupt-controller": EMPTY,
            "#redistributor-regions": cells(1),
            "redistributor-stride": cells64(board.gicr.stride_bytes),
            "reg": reg(board.gicd, board.gicr.window(vcpu_count)),
            "phandle": cells(GIC_PHANDLE),
        },
    )


def _uart(board: Board, place: Place) -> Node:
    return Node(
        _uart_name(place),
        {
            "compatible": strings("arm,pl011", "arm,primecell"),
            "reg": reg(place.window),
            "interrupts": interrupts(board.intid(place.gsi), flags=LEVEL_HIGH),
            "clocks": cells(CLOCK_PHANDLE),
            "clock-names": strings("apb_pclk"),
        },
    )


def _virtio(board: Board, place: Place) -> Node:
    return Node(
        f"virtio_mmio@{place.window.base:x}",
        {
            "compatible": strings("virtio,mmio"),
            "reg": reg(place.window),
            "interrupts": interrupts(board.intid(place.gsi), flags=EDGE_RISING),
        },
    )
