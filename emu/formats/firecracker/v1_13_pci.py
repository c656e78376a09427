"""The devices on the PCI bus: new in Firecracker v1.13.

Source: Firecracker v1.13.0: `src/vmm/src/device_manager/pci_mngr.rs`,
`src/vmm/src/devices/virtio/transport/pci/`, `src/pci/src/configuration.rs`, `src/pci/src/msix.rs`.
"""

from __future__ import annotations

import enum
from typing import Generic

from emu.formats.firecracker.leaves import PciBdf
from emu.formats.firecracker.v1_9_devices import Device, MmdsVersionState
from emu.formats.firecracker.v1_9_virtio import (
    BalloonState,
    BlockState,
    EntropyState,
    NetState,
    VsockState,
)
from emu.wire.schema import Struct, u8, u16, u32, u64


class MmdsState(Struct):
    """The metadata service, without its data.

    Attributes:
        imds_compat: Whether it answers in the way of EC2's service.
    """

    version: MmdsVersionState
    imds_compat: bool


# --- configuration space -----------------------------------------------------------------------


class PciBarRegionType(enum.Enum):
    """Address space of a base address register."""

    Memory32BitRegion = "Memory32BitRegion"
    IoRegion = "IoRegion"
    Memory64BitRegion = "Memory64BitRegion"


class PciBarPrefetchable(enum.Enum):
    """Whether reads have no side effect."""

    NotPrefetchable = "NotPrefetchable"
    Prefetchable = "Prefetchable"


class PciBar(Struct):
    """A base address register; a 64-bit one takes two.

    Attributes:
        addr: Its half of the address.
        size: Its half of the size, in bytes, as the mask that the register reads for it.
        type: Its address space; `r#type` in Rust. None for an upper half, or if it is not in use.
    """

    addr: u32
    size: u32
    used: bool
    type: PciBarRegionType | None


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
    rom_bar_addr: u32
    rom_bar_size: u32
    rom_bar_used: bool
    last_capability: tuple[u64, u64] | None
    msix_cap_reg_idx: u64 | None


class PciBarConfiguration(Struct):
    """What a base address register stands for.

    Attributes:
        addr: Guest address.
        size: Size, in bytes.
        idx: Which of the six it is.
    """

    addr: u64
    size: u64
    idx: u64
    region_type: PciBarRegionType
    prefetchable: PciBarPrefetchable


# --- interrupts --------------------------------------------------------------------------------


class MsixTableEntry(Struct):
    """An interrupt: what is written, and where to.

    Attributes:
        msg_addr_lo: Guest address, low half.
        msg_addr_hi: Guest address, high half.
        vector_ctl: Bit 0 masks the interrupt.
    """

    msg_addr_lo: u32
    msg_addr_hi: u32
    msg_data: u32
    vector_ctl: u32


class MsixConfigState(Struct):
    """MSI-X.

    Attributes:
        pba_entries: Pending interrupts, a bit each.
        masked: Whether the whole function is masked.
    """

    table_entries: list[MsixTableEntry]
    pba_entries: list[u64]
    masked: bool
    enabled: bool


# --- virtio devices ----------------------------------------------------------------------------


class VirtioPciCommonConfigState(Struct):
    """The registers of virtio's common configuration that belong to no queue.

    Attributes:
        driver_status: Status, as the driver set it.
        device_feature_select: Which 32 feature bits the device shows.
        driver_feature_select: Which 32 feature bits the driver sets.
        queue_select: Queue that the queue registers are about.
        msix_config: Interrupt for changes of the configuration; 0xffff for none.
        msix_queues: Interrupt of each queue; 0xffff for none.
    """

    driver_status: u8
    config_generation: u8
    device_feature_select: u32
    driver_feature_select: u32
    queue_select: u16
    msix_config: u16
    msix_queues: list[u16]


class VirtioPciDeviceState(Struct):
    """Virtio's transport over PCI.

    Attributes:
        cap_pci_cfg_offset: Where virtio's configuration access capability begins in the
            configuration space, in bytes.
        cap_pci_cfg: That capability.
        msi_vector_group: The GSI of each interrupt.
    """

    pci_device_bdf: PciBdf
    device_activated: bool
    cap_pci_cfg_offset: u64
    cap_pci_cfg: bytes
    pci_configuration_state: PciConfigurationState
    pci_dev_state: VirtioPciCommonConfigState
    msix_state: MsixConfigState
    msi_vector_group: list[u32]
    bar_configuration: PciBarConfiguration


class ConnectedPci(Struct, Generic[Device]):
    """A virtio device and where it is connected: the `VirtioDeviceState<T>` of `pci_mngr.rs`.

    Attributes:
        pci_device_bdf: Its place: segment in bits 31:16, bus in 15:8, device in 7:3, function in
            2:0.
    """

    device_id: str
    pci_device_bdf: u32
    device_state: Device
    transport_state: VirtioPciDeviceState


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
