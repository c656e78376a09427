"""The board of the squib microVM monitor.

Source: github.com/tyrchen/squib, `crates/arch/src/layout.rs`, `crates/arch/src/gic.rs`,
`crates/arch/src/psci.rs`, `crates/vmm/src/runner.rs` and `crates/fdt/src/lib.rs` of release 0.2.0.
Ours is VMGenID, which squib does not have: it takes Firecracker's place in memory and a GSI that
squib leaves unused. Ours, too, is what CPU_ON does: squib's runner has one vCPU.

Its order of virtio devices is that of its specification (`specs/13-arch-and-boot.md`). What they
offer is ours, for want of a source: what virtio 1.2 has for a demanding driver, with EVENT_IDX and
indirect descriptors on every device. Of squib's types, console, pmem and mem have no model here.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from emu.arch.psci import VERSION_1_1, Function
from emu.arch.smccc import Conduit
from emu.arch.virtio import BALLOON, BLOCK, NET, RNG, VSOCK, DeviceType
from emu.boards.board import Board, InitrdAfterKernel, UartKind
from emu.boards.command_line import CommandLine
from emu.boards.places import Redistributors, Site, TimerPpis, VirtioSlots, Window
from emu.boards.services import CallHandling, FirmwareServices
from emu.boards.tree_content import SquibTree
from emu.boards.virtio import Pick, Turn, VirtioSupport
from emu.devices.virtio.config import Offer

PL011: Final = Window(0x0E0A_0000, 0x1000)
"""Its serial console."""

VIRTIO_SLOTS: Final = VirtioSlots(Window(0x0F00_0000, 0x2_0000), 0x1000, first_gsi=16)
"""Its virtio-mmio transports."""


def _offer(kind: DeviceType, *names: str) -> Offer:
    return Offer(kind.mask("VERSION_1", "EVENT_IDX", "INDIRECT_DESC", *names))


_OFFERS: Final = {
    BLOCK: _offer(BLOCK, "FLUSH", "RO"),
    NET: _offer(
        NET,
        *("CSUM", "GUEST_CSUM", "GUEST_TSO4", "GUEST_TSO6", "HOST_TSO4", "HOST_TSO6"),
        *("MRG_RXBUF", "MAC", "MTU"),
    ),
    VSOCK: _offer(VSOCK, "STREAM"),
    BALLOON: _offer(BALLOON, "STATS_VQ", "DEFLATE_ON_OOM", "FREE_PAGE_HINT", "PAGE_REPORTING"),
    RNG: _offer(RNG),
}

VIRTIO: Final = VirtioSupport(
    offers=MappingProxyType(_OFFERS),
    order=(
        Turn(BLOCK, Pick.ROOT),
        Turn(NET, Pick.FIRST),
        Turn(VSOCK, Pick.ONLY),
        Turn(BALLOON, Pick.ONLY),
        Turn(RNG, Pick.ONLY),
        Turn(BLOCK),
        Turn(NET),
    ),
    can_reset=True,
    counts_config_changes=True,
)
"""Its virtio devices."""

SQUIB: Final = Board(
    name="squib",
    max_vcpus=32,
    dram_base=0x8000_0000,
    system_memory_size_bytes=0x20_0000,
    kernel_offset=0x20_0000,
    initrd=InitrdAfterKernel(offset=0x1000_0000, gap_bytes=0x100_0000),
    fdt_size_bytes=0x20_0000,
    gicd=Window(0x0800_0000, 0x1_0000),
    gicr=Redistributors(0x080A_0000, 0x2_0000),
    uart_kind=UartKind.PL011,
    uart=Site(PL011, gsi=1),
    uart_is_edge=False,
    virtio_slots=VIRTIO_SLOTS,
    virtio=VIRTIO,
    reserved=(Window(0x0500_0000, 0x1_0000),),  # the GICv2m MSI frame
    spi_count=96,
    free_gsis=range(15, 16),  # VMGenID's, below the virtio slots'
    timers=TimerPpis(secure_physical=29, physical=30, virtual=27, hypervisor=26),
    counter_frequency_hz=24_000_000,
    cycles_per_tick=4,
    boot_pstate=0x3C5,  # EL1h, D, A, I and F masked
    firmware=FirmwareServices(
        functions=frozenset[int](
            {
                Function.PSCI_VERSION,
                Function.CPU_OFF,
                Function.CPU_ON,
                Function.AFFINITY_INFO,
                Function.MIGRATE_INFO_TYPE,
                Function.SYSTEM_OFF,
                Function.SYSTEM_RESET,
                Function.PSCI_FEATURES,
            }
        ),
        psci_version=VERSION_1_1,
        conduit=Conduit.HVC,
        smc=CallHandling.REFUSED,
    ),
    command_line=CommandLine(console="ttyAMA0", defaults=MappingProxyType({"panic": "1"})),
    tree=SquibTree("squib,microvm", ("linux,squib-microvm", "linux,dummy-virt")),
)
