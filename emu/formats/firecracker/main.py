"""Firecracker's main branch at commit 81b38b9dad60 (2026-08-21), snapshot version 11.0.0.

Virtio devices are all on the MMIO bus or all on the PCI bus. Interrupts are no longer handed out
by an allocator that is saved, and a vsock waits for the guest to notice that it was reset. No
release has this schema; other commits give the same version to others.

Source: Firecracker at that commit, below `src/vmm/src`: `vmm_config/machine_config.rs`,
`vstate/resources.rs`, `arch/aarch64/vm.rs`, `device_manager/`, `devices/virtio/vsock/persist.rs`,
`devices/virtio/transport/pci/device.rs`.
"""

from __future__ import annotations

import enum
from typing import Final, TypeAlias

from emu.formats.firecracker import v1_9, v1_9_virtio, v1_14, v1_16
from emu.formats.firecracker.v1_9_devices import Connected
from emu.formats.firecracker.v1_9_virtio import BlockState, EntropyState
from emu.formats.firecracker.v1_13 import MMIODeviceInfo, NetState
from emu.formats.firecracker.v1_13_pci import MmdsState, VirtioPciCommonConfigState
from emu.formats.firecracker.v1_13_resources import AddressAllocator
from emu.formats.firecracker.v1_14 import BalloonState, MsixConfigState
from emu.formats.firecracker.v1_14_memory_devices import VirtioMemState
from emu.formats.firecracker.v1_15 import ACPIDeviceManagerState, VirtioDeviceState, VsockState
from emu.formats.firecracker.v1_16 import (
    Bars,
    ConnectedPci,
    PciConfigurationState,
    PciSBDF,
    PmemState,
    SerialState,
)
from emu.wire.schema import Struct, u16, u64

COMMIT: Final = "81b38b9dad6056d7a48073e95ac5a9aed51cb2ab"
"""The commit whose schema this is."""


class HugePageConfig(enum.Enum):
    """Pages of the host that guest RAM was made of."""

    None_ = "None"
    Transparent = "Transparent"
    Hugetlbfs2M = "2M"


class ResourceAllocatorState(Struct):
    """What can be handed out to devices; `ResourceAllocator` up to v1.16.

    Attributes:
        mmio32_memory: Guest addresses below 4 GiB, for devices.
        mmio64_memory: Guest addresses above 4 GiB, for devices.
        past_mmio64_memory: Guest addresses above those, for memory to be plugged in.
        system_memory: RAM that the guest's memory map leaves out, for VMGenID and the like.
    """

    mmio32_memory: AddressAllocator
    mmio64_memory: AddressAllocator
    past_mmio64_memory: AddressAllocator
    system_memory: AddressAllocator


class VsockFrontendState(Struct):
    """The guest's end of a vsock.

    Attributes:
        cid: Address of the guest.
        pending_event_ack: Whether the guest has yet to notice that the device was reset.
    """

    cid: u64
    virtio_state: VirtioDeviceState
    pending_event_ack: bool


class VirtioPciDeviceState(Struct):
    """Virtio's transport over PCI.

    Attributes:
        cap_pci_cfg_offset: Where virtio's configuration access capability begins in the
            configuration space, in bytes.
        cap_pci_cfg: That capability.
        msix_config_cap_offset: Where the MSI-X capability begins in the configuration space, in
            bytes.
        bar_address: Guest address of its registers.
    """

    sbdf: PciSBDF
    device_activated: bool
    cap_pci_cfg_offset: u16
    cap_pci_cfg: bytes
    pci_configuration_state: PciConfigurationState
    pci_dev_state: VirtioPciCommonConfigState
    msix_state: MsixConfigState
    bars: Bars
    msix_config_cap_offset: u16
    bar_address: u64


class DeviceStates(Struct):
    """Virtio devices on the MMIO bus: the variant `Mmio` of `VirtioDevicesState`.

    Attributes:
        mmds: Present if there is a metadata service.
    """

    variant_name = "Mmio"

    block_devices: list[Connected[BlockState]]
    net_devices: list[Connected[NetState]]
    vsock_device: Connected[VsockState] | None
    balloon_device: Connected[BalloonState] | None
    mmds: MmdsState | None
    entropy_device: Connected[EntropyState] | None
    pmem_devices: list[Connected[PmemState]]
    memory_device: Connected[VirtioMemState] | None


class PciDevicesState(Struct):
    """Virtio devices on the PCI bus: the variant `Pci` of `VirtioDevicesState`.

    Attributes:
        mmds: Present if there is a metadata service.
    """

    variant_name = "Pci"

    block_devices: list[ConnectedPci[BlockState]]
    net_devices: list[ConnectedPci[NetState]]
    vsock_device: ConnectedPci[VsockState] | None
    balloon_device: ConnectedPci[BalloonState] | None
    mmds: MmdsState | None
    entropy_device: ConnectedPci[EntropyState] | None
    pmem_devices: list[ConnectedPci[PmemState]]
    memory_device: ConnectedPci[VirtioMemState] | None


VirtioDevicesState: TypeAlias = DeviceStates | PciDevicesState


class MMIOPlatformDevicesState(Struct):
    """Where the devices are that are not virtio, on the MMIO bus."""

    serial: MMIODeviceInfo | None
    rtc: MMIODeviceInfo | None


class DevicesState(Struct):
    """All devices.

    Attributes:
        serial_state: Present if there is a serial port.
    """

    virtio_state: VirtioDevicesState
    mmio_platform_state: MMIOPlatformDevicesState
    acpi_state: ACPIDeviceManagerState
    serial_state: SerialState | None


REVISION: Final = v1_16.REVISION.revised(
    {
        v1_9.HugePageConfig: HugePageConfig,
        v1_14.ResourceAllocator: ResourceAllocatorState,
        v1_9_virtio.VsockFrontendState: VsockFrontendState,
        v1_16.VirtioPciDeviceState: VirtioPciDeviceState,
        v1_14.DeviceStates: DeviceStates,
        v1_14.PciDevicesState: PciDevicesState,
        v1_16.DevicesState: DevicesState,
    }
)
