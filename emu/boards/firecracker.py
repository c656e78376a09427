"""The boards of Firecracker on aarch64, by release.

A board is what a release gives to its guest on a host whose processor is the CPU model. Sources, at
the tags v1.9.0 to v1.16.0 and for `main` at commit 81b38b9d: `src/vmm/src/arch/aarch64/layout.rs`,
`gic/gicv3/mod.rs`, `device_manager/mmio.rs`, `builder.rs`, `vmm_config/boot_source.rs`. What KVM
adds is that of Linux 6.1: see `emu.boards.kvm_services`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from emu.boards import firecracker_virtio as virtio
from emu.boards.board import Board, InitrdBelowFdt, UartKind
from emu.boards.command_line import CommandLine
from emu.boards.kvm_services import KVM_SERVICES
from emu.boards.places import Redistributors, Site, TimerPpis, Window
from emu.boards.tree_content import FirecrackerTree

_GICD_BASE: Final = 0x3FFF_0000
_MMIO: Final = Window(0x4000_0000, 0x4000_0000)
_BOOT_TIMER: Final = Window(0x4000_0000, 0x1000)
_RTC: Final = Window(0x4000_1000, 0x1000)
_UART: Final = Window(0x4000_2000, 0x1000)
_MMIO_AFTER_PLATFORM: Final = Window(0x4000_3000, 0x2FFF_D000)
_MMIO64: Final = Window(256 << 30, 256 << 30)
_PAST_MMIO64: Final = Window(512 << 30, 512 << 30)

_UNASKED: Final = (
    "reboot=k panic=1 pci=off nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux {nopnp}i8042.dumbkbd"
)

_HIDDEN_BY_KVM: Final = MappingProxyType(
    {
        "ID_AA64PFR0_EL1": ("SVE",),
        "ID_AA64PFR1_EL1": ("MTE",),
        "ID_AA64DFR0_EL1": ("PMUVer",),
        "ID_AA64ISAR1_EL1": ("APA", "API", "GPA", "GPI"),
    }
)
"""What a vCPU of KVM has only if its monitor asks for it, which Firecracker does not (Linux v6.1,
`arch/arm64/kvm/sys_regs.c`, `read_id_reg`)."""

V1_9: Final = Board(
    name="firecracker-1.9",
    max_vcpus=32,
    dram_base=0x8000_0000,
    system_memory_size_bytes=0x20_0000,
    kernel_offset=0x20_0000,
    initrd=InitrdBelowFdt(),
    fdt_size_bytes=0x20_0000,
    gicd=Window(_GICD_BASE, 0x1_0000),
    gicr=Redistributors(_GICD_BASE, 0x2_0000, below=True),
    uart_kind=UartKind.NS16550,
    uart=Site(),
    uart_is_edge=True,
    rtc=Site(),
    virtio=virtio.V1_9,
    mmio32=_MMIO,
    spi_count=96,
    free_gsis=range(32, 96),  # its allocator goes on to 127, where the GIC has no SPIs
    timers=TimerPpis(secure_physical=29, physical=30, virtual=27, hypervisor=26),
    counter_frequency_hz=121_875_000,  # a Graviton2's
    cycles_per_tick=8,
    boot_pstate=0x3C5,  # EL1h, D, A, I and F masked
    firmware=KVM_SERVICES,
    command_line=CommandLine(
        console="ttyS0",
        names_root=True,
        earlycon="earlycon=uart,mmio,0x{base:08x}",
        unasked=_UNASKED.format(nopnp="i8042.nopnp "),
        max_size_bytes=2048,
    ),
    tree=FirecrackerTree(),
    hidden_features=_HIDDEN_BY_KVM,
)
"""v1.9: VMGenID, and the system memory that it is in."""

V1_10: Final = replace(V1_9, name="firecracker-1.10", virtio=virtio.V1_10)

V1_11: Final = replace(V1_10, name="firecracker-1.11")

V1_12: Final = replace(
    V1_11,
    name="firecracker-1.12",
    command_line=replace(V1_11.command_line, unasked=_UNASKED.format(nopnp="")),
)

V1_13: Final = replace(
    V1_12,
    name="firecracker-1.13",
    its_size_bytes=0x2_0000,
    uart=Site(window=_UART),
    rtc=Site(window=_RTC),
    boot_timer=_BOOT_TIMER,
    mmio32=_MMIO_AFTER_PLATFORM,
    mmio64=_MMIO64,
    free_gsis=range(96),
    msi_gsis=range(96, 4096),
    has_stolen_time=True,
    command_line=replace(
        V1_12.command_line,
        always=("pci=off",),
        unasked=(
            "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux i8042.dumbkbd "
            "swiotlb=noforce"
        ),
    ),
)
"""v1.13: an ITS, fixed windows for boot timer, RTC and UART, interrupts from SPI 0, stolen time,
space for PCI devices."""

V1_14: Final = replace(
    V1_13,
    name="firecracker-1.14",
    virtio=virtio.V1_14,
    past_mmio64=_PAST_MMIO64,
    tree=FirecrackerTree(virtio_is_coherent=True),
)

V1_15: Final = replace(V1_14, name="firecracker-1.15", has_vmclock=True)

V1_16: Final = replace(V1_15, name="firecracker-1.16", virtio=virtio.V1_16, rng_seed_size_bytes=64)

MAIN: Final = replace(V1_16, name="firecracker-main", virtio=virtio.MAIN)

RELEASES: Final[Mapping[str, Board]] = MappingProxyType(
    {board.name: board for board in (V1_9, V1_10, V1_11, V1_12, V1_13, V1_14, V1_15, V1_16, MAIN)}
)
"""All of them, oldest first, by name."""

LATEST: Final = V1_16
"""The latest release's."""
