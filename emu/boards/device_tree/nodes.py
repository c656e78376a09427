"""Nodes that the trees of all boards have, and in the same words.

Sources: bindings in Linux v6.10, `Documentation/devicetree/bindings`: `timer/arm,arch_timer.yaml`,
`clock/fixed-clock.yaml`, `rng/microsoft,vmgenid.yaml`.
"""

from __future__ import annotations

from emu.boards.board import Board
from emu.boards.device_tree.values import (
    CLOCK_PHANDLE,
    EDGE_RISING,
    UART_CLOCK_HZ,
    interrupts,
)
from emu.core.fdt import EMPTY, Node, cells, cells64, strings
from emu.devices.vmgenid import GENERATION_ID_SIZE_BYTES, VmGenIdState


def timer(board: Board, flags: int) -> Node:
    """The generic timer, whose interrupts have these flags."""
    timers = board.timers
    # The binding's order.
    intids = (timers.secure_physical, timers.physical, timers.virtual, timers.hypervisor)
    return Node(
        "timer",
        {
            "compatible": strings("arm,armv8-timer"),
            "always-on": EMPTY,
            "interrupts": interrupts(*intids, flags=flags),
        },
    )


def uart_clock(name: str) -> Node:
    """The clock of UART and real-time clock, of 24 MHz."""
    return Node(
        name,
        {
            "compatible": strings("fixed-clock"),
            "#clock-cells": cells(0),
            "clock-frequency": cells(UART_CLOCK_HZ),
            "clock-output-names": strings("clk24mhz"),
            "phandle": cells(CLOCK_PHANDLE),
        },
    )


def vmgenid(board: Board, state: VmGenIdState) -> Node:
    """VMGenID, at the place in `state`; `BoardError` if the GIC has no such interrupt."""
    return Node(
        "vmgenid",
        {
            "compatible": strings("microsoft,vmgenid"),
            "reg": cells64(state.addr, GENERATION_ID_SIZE_BYTES),
            "interrupts": interrupts(board.intid(state.gsi), flags=EDGE_RISING),
        },
    )
