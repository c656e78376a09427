"""What a board is, as data.

A `Board` says where everything is and which interrupt it has; `emu.boards.device_tree` tells the
guest the same, and the machine is built from it. All addresses are guest-physical.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from emu.arch import id_layouts
from emu.boards import equipment
from emu.boards.command_line import CommandLine
from emu.boards.equipment import Equipment
from emu.boards.places import (
    BLOCK_SIZE_BYTES,
    PAGE_SIZE_BYTES,
    Redistributors,
    Site,
    TimerPpis,
    VirtioSlots,
    Window,
)
from emu.boards.services import FirmwareServices
from emu.boards.tree_content import FirecrackerTree, SquibTree
from emu.boards.virtio import Config, VirtioSupport
from emu.core.allocator import AddressAllocator, GsiAllocator, ResourceAllocator
from emu.cpu.model import CpuModel
from emu.errors import BoardError

SPI_BASE: Final = 32
"""INTID of SPI 0 (GIC architecture, IHI 0069, 2.2)."""


class UartKind(Enum):
    """Which serial console."""

    PL011 = "PL011"
    NS16550 = "16550"


@dataclass(frozen=True, slots=True)
class InitrdAfterKernel:
    """The initial RAM disk begins at a fixed place, or after the kernel if that reaches too far.

    Attributes:
        offset: lowest address, from the DRAM base.
        gap_bytes: at least this lies between the kernel's end and the initial RAM disk.
    """

    offset: int
    gap_bytes: int


@dataclass(frozen=True, slots=True)
class InitrdBelowFdt:
    """The initial RAM disk ends, rounded up to pages, where the device tree begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A kind of microVM: memory map, interrupt map, clocks and boot protocol.

    Attributes:
        name: what the registry and the command line call it.
        max_vcpus: the most vCPUs that it can have.
        dram_base: where RAM begins.
        system_memory_size_bytes: RAM from `dram_base` that the device tree leaves out, for
            devices such as VMGenID to share with the guest.
        kernel_offset: 2 MiB-aligned base of the kernel image, from `dram_base`.
        initrd: where the initial RAM disk goes.
        fdt_size_bytes: the device tree's part of RAM, at its end.
        gicd: the GIC distributor.
        gicr: the GIC redistributors.
        its_size_bytes: the GIC's ITS, just below the redistributors; 0 if there is none.
        uart_kind: which serial console.
        uart: what is fixed of its place.
        uart_is_edge: whether its interrupt is edge-triggered; it is level-sensitive otherwise.
        rtc: what is fixed of the place of the PL031 real-time clock; None if there is none.
        virtio_slots: fixed places of virtio-mmio transports (edge, rising); None if they are handed
            out.
        virtio: its virtio devices: which types, what they offer, in which order they are attached.
        boot_timer: the fixed window of the boot timer, which has no interrupt; None if it is handed
            out.
        mmio32: where MMIO windows without a fixed place are handed out; None if all have one.
        mmio64: MMIO windows above 4 GiB, for a PCI bus; None if there is no such bus.
        past_mmio64: addresses above those, for devices that are memory; None if there are none.
        reserved: windows that are kept free.
        spi_count: SPIs of the GIC, a multiple of 32.
        free_gsis: GSIs for devices without a fixed interrupt, lowest first; GSI n is SPI n.
        msi_gsis: GSIs for message-signalled interrupts; none of them is an SPI.
        has_vmclock: whether there is a VMClock.
        has_stolen_time: whether each vCPU has a record of stolen time in system memory.
        timers: the generic timer's interrupts.
        counter_frequency_hz: CNTFRQ_EL0.
        cycles_per_tick: executed instructions for each tick of the counter; a part of a tick
            does not count.
        boot_pstate: SPSR-format PSTATE of the boot vCPU at the kernel's entry.
        firmware: the firmware calls that a guest can make: PSCI and others.
        command_line: what is added to the kernel command line.
        tree: what its device tree says beyond all this.
        rng_seed_size_bytes: randomness that the device tree gives to the guest; 0 if it does not.
        cpu_model: the name of its CPU model (`emu.cpu.model`).
        id_registers: values of ID registers that differ from the CPU model's, by name.
        hidden_features: fields of ID registers that read as zero whatever the CPU model has, by
            register.
    """

    name: str
    max_vcpus: int
    dram_base: int
    system_memory_size_bytes: int
    kernel_offset: int
    initrd: InitrdAfterKernel | InitrdBelowFdt
    fdt_size_bytes: int
    gicd: Window
    gicr: Redistributors
    its_size_bytes: int = 0
    uart_kind: UartKind
    uart: Site
    uart_is_edge: bool
    rtc: Site | None = None
    virtio_slots: VirtioSlots | None = None
    virtio: VirtioSupport
    boot_timer: Window | None = None
    mmio32: Window | None = None
    mmio64: Window | None = None
    past_mmio64: Window | None = None
    reserved: tuple[Window, ...] = ()
    spi_count: int
    free_gsis: range
    msi_gsis: range = range(0)
    has_vmclock: bool = False
    has_stolen_time: bool = False
    timers: TimerPpis
    counter_frequency_hz: int
    cycles_per_tick: int
    boot_pstate: int
    firmware: FirmwareServices
    command_line: CommandLine
    tree: SquibTree | FirecrackerTree
    rng_seed_size_bytes: int = 0
    cpu_model: str = "max"
    id_registers: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )
    hidden_features: Mapping[str, tuple[str, ...]] = field(
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

    @property
    def cycles_per_s(self) -> int:
        """Executed instructions in one second of virtual time."""
        return self.counter_frequency_hz * self.cycles_per_tick

    def its(self, vcpu_count: int) -> Window | None:
        """Where the GIC's ITS is; None if there is none."""
        if not self.its_size_bytes:
            return None
        end = self.gicr.window(vcpu_count).base
        return Window(end - self.its_size_bytes, self.its_size_bytes)

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

        A cluster of 16 is what one ICC_SGI1R_EL1 target list reaches. KVM does the same (Linux
        v6.1, `reset_mpidr` in `arch/arm64/kvm/sys_regs.c`).

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

    def attach_order(self, devices: Sequence[Config]) -> list[Config]:
        """Virtio devices in the order in which the monitor attaches them.

        Raises:
            BoardError: it has no such type, or not so many of one; two devices have the same id;
                there are two root drives.
        """
        try:
            return self.virtio.attach_order(devices)
        except BoardError as error:
            raise BoardError(f"board {self.name}: {error}") from None

    def equip(
        self, *, virtio_count: int = 0, has_console: bool = True, has_boot_timer: bool = False
    ) -> Equipment:
        """The MMIO devices of a machine that boots, each at its place.

        Args:
            virtio_count: virtio-mmio transports.
            has_console: whether there is a UART.
            has_boot_timer: whether there is a boot timer.

        Raises:
            BoardError: so many transports don't fit.
        """
        return equipment.attach(
            self._fresh_allocator(),
            uart=self.uart if has_console else None,
            rtc=self.rtc,
            boot_timer=Site(window=self.boot_timer) if has_boot_timer else None,
            virtio_slots=self.virtio_slots,
            virtio_count=virtio_count,
        )

    def resource_allocator(self, attached: Equipment | None = None) -> ResourceAllocator:
        """What is left to hand out, once `attached` has its places.

        Its trees are those that the monitor has after it has attached these devices, in this order.

        Raises:
            BoardError: two devices have the same place.
        """
        resources = self._fresh_allocator()
        if attached is None:
            return resources
        for place in attached.places():
            if place.gsi in self.free_gsis:
                resources.gsis.allocate_at(place.gsi)
        for window in attached.windows():
            if self.mmio32 and self.mmio32.contains(window):
                resources.mmio32.allocate_at(window.base, window.size_bytes)
        return resources

    def id_register_values(self, model: CpuModel) -> dict[str, int]:
        """ID registers that differ from those of a CPU model, by name."""
        values = dict(self.id_registers)
        for register, names in self.hidden_features.items():
            layout = getattr(id_layouts, register)
            hidden = sum(getattr(layout, name).mask for name in names)
            values[register] = values.get(register, model.id_registers.get(register, 0)) & ~hidden
        return values

    def _fresh_allocator(self) -> ResourceAllocator:
        return ResourceAllocator(
            gsis=GsiAllocator(self.free_gsis),
            msi_gsis=GsiAllocator(self.msi_gsis),
            mmio32=_allocator(self.mmio32),
            mmio64=_allocator(self.mmio64),
            past_mmio64=_allocator(self.past_mmio64),
            system_memory=_allocator(self.system_memory),
        )

    def _check_memory_map(self) -> None:
        parts: dict[str, Window | None] = {
            "GICD": self.gicd,
            "GICR": self.gicr.window(self.max_vcpus),
            "ITS": self.its(self.max_vcpus),
            self.uart_kind.value: self.uart.window,
            "PL031": self.rtc.window if self.rtc else None,
            "virtio-mmio": self.virtio_slots.span if self.virtio_slots else None,
            "MMIO windows": self.mmio32,
            "boot timer": self.boot_timer,
            "system memory": self.system_memory,
            **{f"reserved window {i}": window for i, window in enumerate(self.reserved)},
        }
        windows = [(name, window) for name, window in parts.items() if window is not None]
        windows.sort(key=lambda item: item[1].base)
        for (lower, below), (upper, above) in pairwise(windows):
            if below.end > above.base:
                raise BoardError(
                    f"board {self.name}: {lower} ends at {below.end:#x}, "
                    f"and {upper} begins at {above.base:#x}"
                )


def _allocator(space: Window | None) -> AddressAllocator:
    return AddressAllocator(space.base, space.size_bytes) if space else AddressAllocator()
