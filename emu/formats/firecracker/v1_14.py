"""Firecracker v1.14, snapshot version 8.0.0 like v1.13, with another schema.

Memory can be plugged in, and there are persistent memory devices; a balloon takes hints of free
pages. The PCI transport keeps less. VMGenID is always there.

Source: Firecracker v1.14.0 (v1.14.1 to v1.14.4 are the same), below `src/vmm/src`:
`vstate/memory.rs`, `vstate/resources.rs`, `device_manager/`, `devices/virtio/balloon/`,
`devices/virtio/transport/pci/device.rs`, `pci/configuration.rs`, `pci/msix.rs`.
"""

from __future__ import annotations

import enum
from typing import Final

from emu.formats.firecracker import (
    v1_9_devices,
    v1_9_virtio,
    v1_11,
    v1_13,
    v1_13_pci,
    v1_13_resources,
)
from emu.formats.firecracker.leaves import PciBdf
from emu.formats.firecracker.v1_9_devices import Connected, ConnectedLegacyState, VMGenIDState
from emu.formats.firecracker.v1_9_virtio import (
    BalloonConfigSpaceState,
    BlockState,
    EntropyState,
    VsockState,
)
from emu.formats.firecracker.v1_13 import NetState, VirtioDeviceState
from emu.formats.firecracker.v1_13_pci import (
    ConnectedPci,
    MmdsState,
    MsixTableEntry,
    VirtioPciCommonConfigState,
)
from emu.formats.firecracker.v1_13_resources import AddressAllocator, IdAllocator
from emu.formats.firecracker.v1_14_memory_devices import PmemState, VirtioMemState
from emu.wire.schema import Struct, u16, u32, u64

# --- memory and other resources ----------------------------------------------------------------


class GuestRegionType(enum.Enum):
    """Whether a region was there from the start."""

    Dram = "Dram"
    Hotpluggable = "Hotpluggable"


class GuestMemoryRegionState(Struct):
    """A region of guest RAM.

    Attributes:
        base_address: Its guest address.
        size: Its size, in bytes; also in the memory file, whether plugged in or not.
        plugged: Which of its slots of equal size are plugged in; one slot for DRAM.
    """

    base_address: u64
    size: u64
    region_type: GuestRegionType
    plugged: list[bool]


class ResourceAllocator(Struct):
    """What can be handed out to devices.

    Attributes:
        gsi_legacy_allocator: GSIs for interrupt lines.
        gsi_msi_allocator: GSIs for message-signalled interrupts.
        mmio32_memory: Guest addresses below 4 GiB, for devices.
        mmio64_memory: Guest addresses above 4 GiB, for devices.
        past_mmio64_memory: Guest addresses above those, for memory to be plugged in.
        system_memory: RAM that the guest's memory map leaves out, for VMGenID and the like.
    """

    gsi_legacy_allocator: IdAllocator
    gsi_msi_allocator: IdAllocator
    mmio32_memory: AddressAllocator
    mmio64_memory: AddressAllocator
    past_mmio64_memory: AddressAllocator
    system_memory: AddressAllocator


# --- balloon -----------------------------------------------------------------------------------


class BalloonStatsState(Struct):
    """What the guest last said of its memory; None if it did not say.

    Attributes:
        swap_in: Memory swapped in, in bytes.
        swap_out: Memory swapped out, in bytes.
        major_faults: Number of major page faults.
        minor_faults: Number of minor page faults.
        free_memory: Memory that is not in use at all, in bytes.
        total_memory: Memory of the guest, in bytes.
        available_memory: Memory that can be had without swapping, in bytes.
        disk_caches: Memory that can be reclaimed at once, in bytes.
        hugetlb_allocations: Number of huge pages that were allocated.
        hugetlb_failures: Number of huge pages that could not be allocated.
        oom_kill: Number of processes killed for want of memory.
        alloc_stall: Number of times that an allocation had to wait.
        async_scan: Memory scanned in the background.
        direct_scan: Memory scanned while an allocation waited.
        async_reclaim: Memory reclaimed in the background.
        direct_reclaim: Memory reclaimed while an allocation waited.
    """

    swap_in: u64 | None
    swap_out: u64 | None
    major_faults: u64 | None
    minor_faults: u64 | None
    free_memory: u64 | None
    total_memory: u64 | None
    available_memory: u64 | None
    disk_caches: u64 | None
    hugetlb_allocations: u64 | None
    hugetlb_failures: u64 | None
    oom_kill: u64 | None
    alloc_stall: u64 | None
    async_scan: u64 | None
    direct_scan: u64 | None
    async_reclaim: u64 | None
    direct_reclaim: u64 | None


class HintingState(Struct):
    """A run of hints of free pages.

    Attributes:
        host_cmd: Command of the host: 0 stop, 1 done, others name a run.
        last_cmd_id: The last run.
        guest_cmd: Command that the guest answered with.
        acknowledge_on_finish: Whether the device says "done" when the guest stops.
    """

    host_cmd: u32
    last_cmd_id: u32
    guest_cmd: u32 | None
    acknowledge_on_finish: bool


class BalloonState(Struct):
    """A memory balloon.

    Attributes:
        stats_polling_interval_s: How often the guest is asked for statistics, in seconds; 0 never.
        stats_desc_index: Descriptor of the statistics queue that the device holds.
    """

    stats_polling_interval_s: u16
    stats_desc_index: u16 | None
    latest_stats: BalloonStatsState
    config_space: BalloonConfigSpaceState
    hinting_state: HintingState
    virtio_state: VirtioDeviceState


# --- PCI transport -----------------------------------------------------------------------------


class PciBar(Struct):
    """A base address register; a 64-bit one takes two.

    Attributes:
        addr: Its half of the address.
        size: Its half of the size, in bytes, as the mask that the register reads for it.
    """

    addr: u32
    size: u32
    used: bool


class PciConfigurationState(Struct):
    """The configuration space.

    Attributes:
        registers: Its 1024 words.
        writable_bits: Which bits of each word the guest can write.
        bars: The six base address registers.
        last_capability: Offset and size of the last capability, in bytes.
        msix_cap_reg_idx: Which word the MSI-X capability begins with.
    """

    registers: list[u32]
    writable_bits: list[u32]
    bars: list[PciBar]
    last_capability: tuple[u64, u64] | None
    msix_cap_reg_idx: u64 | None


class MsixConfigState(Struct):
    """MSI-X.

    Attributes:
        pba_entries: Pending interrupts, a bit each.
        masked: Whether the whole function is masked.
        vectors: The GSI of each interrupt.
    """

    table_entries: list[MsixTableEntry]
    pba_entries: list[u64]
    masked: bool
    enabled: bool
    vectors: list[u32]


class VirtioPciDeviceState(Struct):
    """Virtio's transport over PCI.

    Attributes:
        cap_pci_cfg_offset: Where virtio's configuration access capability begins in the
            configuration space, in bytes.
        cap_pci_cfg: That capability.
        bar_address: Guest address of its registers.
    """

    pci_device_bdf: PciBdf
    device_activated: bool
    cap_pci_cfg_offset: u64
    cap_pci_cfg: bytes
    pci_configuration_state: PciConfigurationState
    pci_dev_state: VirtioPciCommonConfigState
    msix_state: MsixConfigState
    bar_address: u64


# --- all devices -------------------------------------------------------------------------------


class ACPIDeviceManagerState(Struct):
    """Devices that are known by ACPI, or here by the device tree, alone."""

    vmgenid: VMGenIDState


class DeviceStates(Struct):
    """The devices on the MMIO bus.

    Attributes:
        mmds: Present if there is a metadata service.
    """

    legacy_devices: list[ConnectedLegacyState]
    block_devices: list[Connected[BlockState]]
    net_devices: list[Connected[NetState]]
    vsock_device: Connected[VsockState] | None
    balloon_device: Connected[BalloonState] | None
    mmds: MmdsState | None
    entropy_device: Connected[EntropyState] | None
    pmem_devices: list[Connected[PmemState]]
    memory_device: Connected[VirtioMemState] | None


class PciDevicesState(Struct):
    """The devices on the PCI bus.

    Attributes:
        pci_enabled: Whether there is a PCI bus; if not, there is nothing on it.
        mmds: Present if there is a metadata service.
    """

    pci_enabled: bool
    block_devices: list[ConnectedPci[BlockState]]
    net_devices: list[ConnectedPci[NetState]]
    vsock_device: ConnectedPci[VsockState] | None
    balloon_device: ConnectedPci[BalloonState] | None
    mmds: MmdsState | None
    entropy_device: ConnectedPci[EntropyState] | None
    pmem_devices: list[ConnectedPci[PmemState]]
    memory_device: ConnectedPci[VirtioMemState] | None


REVISION: Final = v1_13.REVISION.revised(
    {
        v1_11.GuestMemoryRegionState: GuestMemoryRegionState,
        v1_13_resources.ResourceAllocator: ResourceAllocator,
        v1_9_virtio.BalloonStatsState: BalloonStatsState,
        v1_9_virtio.BalloonState: BalloonState,
        v1_13_pci.PciBar: PciBar,
        v1_13_pci.PciConfigurationState: PciConfigurationState,
        v1_13_pci.MsixConfigState: MsixConfigState,
        v1_13_pci.VirtioPciDeviceState: VirtioPciDeviceState,
        v1_9_devices.ACPIDeviceManagerState: ACPIDeviceManagerState,
        v1_13.DeviceStates: DeviceStates,
        v1_13_pci.PciDevicesState: PciDevicesState,
    }
)
