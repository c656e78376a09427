"""The device tree of a board: its constants, told to the guest.

Sources: bindings in Linux v6.10, `Documentation/devicetree/bindings` (`arm/cpus.yaml`,
`arm/psci.yaml`, `timer/arm,arch_timer.yaml`, `interrupt-controller/arm,gic-v3.yaml`,
`serial/pl011.yaml`, `virtio/mmio.yaml`, `rng/microsoft,vmgenid.yaml`); node names and content as
squib's (`specs/13-arch-and-boot.md`, section 6), and the `vmgenid` node as Firecracker v1.15's
(`src/vmm/src/arch/aarch64/fdt.rs`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from emu.arch.psci import VERSION_1_0
from emu.boards.board import SPI_BASE, Board, Window
from emu.core.fdt import EMPTY, Node, cells, cells64, flatten, strings
from emu.devices.vmgenid import GENERATION_ID_SIZE_BYTES, VmGenIdState
from emu.errors import BoardError

EDGE_RISING: Final = 1
LEVEL_HIGH: Final = 4
LEVEL_LOW: Final = 8

_PPI_BASE: Final = 16
_SPI, _PPI = 0, 1
_TIMER_FLAGS: Final = 0xF00 | LEVEL_LOW  # on every CPU; timers pull their lines low
_UART_CLOCK_HZ: Final = 24_000_000
_GIC_PHANDLE: Final = 1
_UART_CLOCK_PHANDLE: Final = 2
_AFF3: Final = 0xFF_0000_0000
_AFF2_TO_AFF0: Final = 0xFF_FFFF

_DEFAULT_BOOT_ARGS: Final = {"console": "ttyAMA0", "panic": "1"}


def build_fdt(
    board: Board,
    *,
    ram_size_bytes: int,
    mpidrs: Sequence[int],
    bootargs: str,
    vmgenid: VmGenIdState | None,
    initrd: Window | None = None,
    virtio_slots: Sequence[int] = (),
) -> bytes:
    """The blob that the boot vCPU finds at X0.

    Args:
        board: the board.
        ram_size_bytes: RAM, of which the board's system memory is left out.
        mpidrs: MPIDR_EL1 of each vCPU, the boot vCPU's first.
        bootargs: the user's kernel command line; see `compose_bootargs`.
        vmgenid: where VMGenID is; None for a machine without it.
        initrd: where the initial RAM disk is.
        virtio_slots: the virtio-mmio slots in use, in the order of their nodes.

    Raises:
        BoardError: something is out of the board's range, or the blob exceeds its place.
    """
    children = [
        _chosen(board, compose_bootargs(bootargs), initrd),
        _memory(board, ram_size_bytes),
        _cpus(board, mpidrs),
        _psci(board),
        _timer(board),
        _interrupt_controller(board, len(mpidrs)),
        _uart(board),
        *(_virtio(board, slot) for slot in _checked_slots(board, virtio_slots)),
        _uart_clock(),
    ]
    if vmgenid is not None:
        children.append(_vmgenid(board, vmgenid))
    blob = flatten(Node(properties=_root_properties(board), children=children))
    if len(blob) > board.fdt_size_bytes:
        raise BoardError(
            f"board {board.name}: the device tree has {len(blob)} bytes, and its place "
            f"{board.fdt_size_bytes}; shorten the boot arguments"
        )
    return blob


def compose_bootargs(bootargs: str) -> str:
    """The user's kernel command line with squib's defaults, where it does not have its own."""
    given = bootargs.split()
    keys = {argument.partition("=")[0] for argument in given}
    defaults = [f"{key}={value}" for key, value in _DEFAULT_BOOT_ARGS.items() if key not in keys]
    return " ".join([*([bootargs.strip()] if given else []), *defaults])


def interrupt_cells(intid: int, flags: int) -> tuple[int, int, int]:
    """The GIC binding's three cells of a PPI or SPI; `BoardError` for any other INTID."""
    if SPI_BASE <= intid < 1020:
        return _SPI, intid - SPI_BASE, flags
    if _PPI_BASE <= intid < SPI_BASE:
        return _PPI, intid - _PPI_BASE, flags
    raise BoardError(f"INTID {intid} is no PPI (16 to 31) and no SPI (32 to 1019)")


def interrupt_intid(kind: int, number: int) -> int:
    """The INTID that the first two of those cells mean; `BoardError` for other kinds."""
    if kind not in (_SPI, _PPI):
        raise BoardError(f"interrupt of kind {kind} in the device tree; known: 0 (SPI), 1 (PPI)")
    return number + (SPI_BASE if kind == _SPI else _PPI_BASE)


def _root_properties(board: Board) -> dict[str, bytes]:
    return {
        "model": strings(board.model),
        "compatible": strings(*board.compatible),
        "#address-cells": cells(2),
        "#size-cells": cells(2),
        "interrupt-parent": cells(_GIC_PHANDLE),
    }


def _reg(*windows: Window) -> bytes:
    return cells64(*(part for window in windows for part in (window.base, window.size_bytes)))


def _uart_name(board: Board) -> str:
    return f"pl011@{board.pl011.base:x}"


def _chosen(board: Board, bootargs: str, initrd: Window | None) -> Node:
    properties = {
        "bootargs": strings(bootargs),
        "stdout-path": strings(f"/{_uart_name(board)}"),
    }
    if initrd is not None:
        properties["linux,initrd-start"] = cells64(initrd.base)
        properties["linux,initrd-end"] = cells64(initrd.end)
    return Node("chosen", properties)


def _memory(board: Board, ram_size_bytes: int) -> Node:
    base = board.system_memory.end
    size_bytes = board.ram(ram_size_bytes).end - base
    return Node(
        f"memory@{base:x}",
        {"device_type": strings("memory"), "reg": cells64(base, size_bytes)},
    )


def _cpus(board: Board, mpidrs: Sequence[int]) -> Node:
    _check_mpidrs(board, mpidrs)
    return Node(
        "cpus",
        {"#address-cells": cells(1), "#size-cells": cells(0)},
        [_cpu(mpidr & _AFF2_TO_AFF0) for mpidr in mpidrs],
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


def _check_mpidrs(board: Board, mpidrs: Sequence[int]) -> None:
    if not 1 <= len(mpidrs) <= board.max_vcpus:
        raise BoardError(
            f"board {board.name}: {len(mpidrs)} vCPUs; it takes 1 to {board.max_vcpus}"
        )
    if any(mpidr & _AFF3 for mpidr in mpidrs):
        raise BoardError(f"board {board.name}: a vCPU has Aff3 other than 0 in its MPIDR_EL1")
    if len({mpidr & _AFF2_TO_AFF0 for mpidr in mpidrs}) != len(mpidrs):
        raise BoardError(f"board {board.name}: two vCPUs have the same affinity in MPIDR_EL1")


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


def _timer(board: Board) -> Node:
    timers = board.timers
    # The binding's order.
    intids = (timers.secure_physical, timers.physical, timers.virtual, timers.hypervisor)
    triples = [interrupt_cells(intid, _TIMER_FLAGS) for intid in intids]
    return Node(
        "timer",
        {
            "compatible": strings("arm,armv8-timer"),
            "always-on": EMPTY,
            "interrupts": cells(*(cell for triple in triples for cell in triple)),
        },
    )


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
            "reg": _reg(board.gicd, board.gicr.window(vcpu_count)),
            "phandle": cells(_GIC_PHANDLE),
        },
    )


def _uart(board: Board) -> Node:
    return Node(
        _uart_name(board),
        {
            "compatible": strings("arm,pl011", "arm,primecell"),
            "reg": _reg(board.pl011),
            "interrupts": cells(*interrupt_cells(board.pl011_intid, LEVEL_HIGH)),
            "clocks": cells(_UART_CLOCK_PHANDLE),
            "clock-names": strings("apb_pclk"),
        },
    )


def _uart_clock() -> Node:
    return Node(
        "apb_clk",
        {
            "compatible": strings("fixed-clock"),
            "#clock-cells": cells(0),
            "clock-frequency": cells(_UART_CLOCK_HZ),
            "clock-output-names": strings("clk24mhz"),
            "phandle": cells(_UART_CLOCK_PHANDLE),
        },
    )


def _checked_slots(board: Board, slots: Sequence[int]) -> Sequence[int]:
    if len(set(slots)) != len(slots) or any(not 0 <= n < board.virtio.count for n in slots):
        raise BoardError(
            f"board {board.name}: virtio slots {list(slots)}; each must be within 0 and "
            f"{board.virtio.count - 1}, and used once"
        )
    return slots


def _virtio(board: Board, slot: int) -> Node:
    window = board.virtio.window(slot)
    return Node(
        f"virtio_mmio@{window.base:x}",
        {
            "compatible": strings("virtio,mmio"),
            "reg": _reg(window),
            "interrupts": cells(*interrupt_cells(board.virtio.first_intid + slot, EDGE_RISING)),
        },
    )


def _vmgenid(board: Board, vmgenid: VmGenIdState) -> Node:
    intid = board.intid(vmgenid.gsi)
    return Node(
        "vmgenid",
        {
            "compatible": strings("microsoft,vmgenid"),
            "reg": cells64(vmgenid.addr, GENERATION_ID_SIZE_BYTES),
            "interrupts": cells(*interrupt_cells(intid, EDGE_RISING)),
        },
    )
