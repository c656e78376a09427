"""What a board is, as data.

A `Board` says where everything is and which interrupt it has; `emu.boards.devicetree` tells the
guest the same, and the machine is built from it. All addresses are guest-physical.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from emu.boards.services import FirmwareServices
from emu.core.allocator import ResourceAllocator
from emu.errors import BoardError

SPI_BASE: Final = 32
"""INTID of SPI 0 (GIC architecture, IHI 0069, 2.2)."""

PAGE_SIZE_BYTES: Final = 0x1000
"""RAM comes in multiples of this."""

BLOCK_SIZE_BYTES: Final = 0x20_0000
"""2 MiB: what Linux aligns its image to, and the most it maps for its device tree."""


@dataclass(frozen=True, slots=True)
class Window:
    """A range of guest-physical addresses, from `base` to just below `end`."""

    base: int
    size_bytes: int

    @property
    def end(self) -> int:
        """The first address above the window."""
        return self.base + self.size_bytes


@dataclass(frozen=True, slots=True)
class Redistributors:
    """Where the GIC redistributors are: one of `stride_bytes` for each vCPU, from `base` up."""

    base: int
    stride_bytes: int

    def window(self, vcpu_count: int) -> Window:
        """What the redistributors of `vcpu_count` vCPUs cover."""
        return Window(self.base, vcpu_count * self.stride_bytes)


@dataclass(frozen=True, slots=True)
class VirtioSlots:
    """The virtio-mmio transports: `count` windows of `stride_bytes` from `base` up.

    Slot n has INTID `first_intid` + n.
    """

    base: int
    stride_bytes: int
    count: int
    first_intid: int

    def window(self, slot: int) -> Window:
        """The registers of one slot."""
        return Window(self.base + slot * self.stride_bytes, self.stride_bytes)

    @property
    def span(self) -> Window:
        """What all slots cover."""
        return Window(self.base, self.count * self.stride_bytes)


@dataclass(frozen=True, slots=True)
class TimerPpis:
    """INTIDs of the generic timer's interrupts, the same on every vCPU."""

    secure_physical: int
    physical: int
    virtual: int
    hypervisor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A kind of microVM: memory map, interrupt map, clocks and boot protocol.

    Attributes:
        name: what the registry and the command line call it.
        model: the device tree's `model`.
        compatible: the device tree's `compatible` of the root.
        max_vcpus: the most vCPUs that it can have.
        dram_base: where RAM begins.
        system_memory_size_bytes: RAM from `dram_base` that the device tree leaves out, for
            devices such as VMGenID to share with the guest.
        kernel_offset: 2 MiB-aligned base of the kernel image, from `dram_base`.
        initrd_offset: lowest address of the initial RAM disk, from `dram_base`.
        initrd_gap_bytes: at least this lies between the kernel's end and the initial RAM disk.
        fdt_size_bytes: the device tree's part of RAM, at its end.
        gicd: the GIC distributor.
        gicr: the GIC redistributors.
        pl011: the serial console.
        pl011_intid: its interrupt (level high).
        virtio: the virtio-mmio transports (edge, rising).
        reserved: windows that are kept free.
        spi_count: SPIs of the GIC, a multiple of 32.
        free_gsis: GSIs for devices without a fixed interrupt, lowest first; GSI n is SPI n.
        timers: the generic timer's interrupts.
        counter_frequency_hz: CNTFRQ_EL0.
        cycles_per_tick: executed instructions for each tick of the counter; a part of a tick
            does not count.
        boot_pstate: SPSR-format PSTATE of the boot vCPU at the kernel's entry.
        firmware: the firmware calls that a guest can make: PSCI and others.
        cpu_model: the name of its CPU model (`emu.cpu.model`).
        id_registers: values of ID registers that differ from the CPU model's, by name.
    """

    name: str
    model: str
    compatible: tuple[str, ...]
    max_vcpus: int
    dram_base: int
    system_memory_size_bytes: int
    kernel_offset: int
    initrd_offset: int
    initrd_gap_bytes: int
    fdt_size_bytes: int
    gicd: Window
    gicr: Redistributors
    pl011: Window
    pl011_intid: int
    virtio: VirtioSlots
    reserved: tuple[Window, ...]
    spi_count: int
    free_gsis: range
    timers: TimerPpis
    counter_frequency_hz: int
    cycles_per_tick: int
    boot_pstate: int
    firmware: FirmwareServices
    cpu_model: str = "max"
    id_registers: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )

    def __post_init__(self) -> None:
        self._check_memory_map()

    @property
    def system_memory(self) -> Window:
        """RAM that the device tree leaves out."""
        return Window(self.dram_base, self.system_memory_size_bytes)

    @property
    def kernel_base(self) -> int:
        """The 2 MiB-aligned address that an image's `text_offset` counts from."""
        return self.dram_base + self.kernel_offset

    def intid(self, gsi: int) -> int:
        """The INTID of a GSI; `BoardError` unless the GIC has that SPI."""
        if not 0 <= gsi < self.spi_count:
            raise BoardError(
                f"board {self.name}: GSI {gsi} has no SPI; the GIC has {self.spi_count} SPIs "
                f"(GSI 0 to {self.spi_count - 1})"
            )
        return SPI_BASE + gsi

    def mpidrs(self, vcpu_count: int) -> tuple[int, ...]:
        """MPIDR_EL1 of each vCPU: 16 to a cluster (Aff0), then Aff1; bit 31 is RES1.

        A cluster of 16 is what one ICC_SGI1R_EL1 target list reaches.

        Raises:
            BoardError: `vcpu_count` is not within 1 and `max_vcpus`.
        """
        if not 1 <= vcpu_count <= self.max_vcpus:
            raise BoardError(
                f"board {self.name}: {vcpu_count} vCPUs; it takes 1 to {self.max_vcpus}"
            )
        return tuple(1 << 31 | (n >> 4) << 8 | n & 0xF for n in range(vcpu_count))

    def ram(self, ram_size_bytes: int) -> Window:
        """Where RAM of that size is.

        Raises:
            BoardError: the size is not a multiple of 4 KiB, or too small for the system memory,
                the kernel's base and the device tree.
        """
        if ram_size_bytes % PAGE_SIZE_BYTES:
            raise BoardError(
                f"board {self.name}: {ram_size_bytes} bytes of RAM; "
                f"give a multiple of {PAGE_SIZE_BYTES}"
            )
        least = self.kernel_offset + BLOCK_SIZE_BYTES + self.fdt_size_bytes
        if ram_size_bytes < least:
            raise BoardError(
                f"board {self.name}: {ram_size_bytes} bytes of RAM are too few; it needs "
                f"{least} ({least >> 20} MiB) or more"
            )
        return Window(self.dram_base, ram_size_bytes)

    def fdt(self, ram_size_bytes: int) -> Window:
        """The device tree's place, at the end of RAM of that size. Raises as `ram`."""
        return Window(self.ram(ram_size_bytes).end - self.fdt_size_bytes, self.fdt_size_bytes)

    def resource_allocator(self) -> ResourceAllocator:
        """A fresh allocator of this board's free GSIs and of its system memory."""
        return ResourceAllocator(
            self.free_gsis, self.system_memory.base, self.system_memory.size_bytes
        )

    def _check_memory_map(self) -> None:
        windows = {
            "GICD": self.gicd,
            "GICR": self.gicr.window(self.max_vcpus),
            "PL011": self.pl011,
            "virtio-mmio": self.virtio.span,
            "system memory": self.system_memory,
            **{f"reserved window {i}": window for i, window in enumerate(self.reserved)},
        }
        ordered = sorted(windows.items(), key=lambda item: item[1].base)
        for (lower, below), (upper, above) in pairwise(ordered):
            if below.end > above.base:
                raise BoardError(
                    f"board {self.name}: {lower} ends at {below.end:#x}, "
                    f"and {upper} begins at {above.base:#x}"
                )
