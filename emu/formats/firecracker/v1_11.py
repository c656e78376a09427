"""Firecracker v1.11, snapshot version 5.0.0.

The changes to the list of KVM's capabilities have a place of their own, memory regions do not say
where they are in the memory file (they follow each other), and a device has at most one interrupt.

Source: Firecracker v1.11.0, below `src/vmm/src`: `persist.rs`, `vstate/kvm.rs`,
`vstate/memory.rs`, `vstate/vm/aarch64.rs`, `device_manager/mmio.rs`, `mmds/persist.rs`.
"""

from __future__ import annotations

from typing import Annotated, Final

from emu.formats.firecracker import v1_9, v1_9_devices, v1_10
from emu.formats.firecracker.leaves import KvmCapability, NonZeroU32
from emu.formats.firecracker.v1_9 import GicState, GuestMemoryState, VcpuState, VmInfo
from emu.formats.firecracker.v1_9_devices import ACPIDeviceManagerState, DeviceStates
from emu.wire.schema import Array, Struct, u8, u16, u32, u64


class GuestMemoryRegionState(Struct):
    """A region of guest RAM.

    Attributes:
        base_address: Its guest address.
        size: Its size, in bytes; also in the memory file.
    """

    base_address: u64
    size: u64


class KvmState(Struct):
    """What was asked of KVM as such.

    Attributes:
        kvm_cap_modifiers: Changes to the list of capabilities that Firecracker asks of KVM.
    """

    kvm_cap_modifiers: list[KvmCapability]


class VmState(Struct):
    """What KVM keeps for the whole VM."""

    gic: GicState


class MMIODeviceInfo(Struct):
    """Where a device is.

    Attributes:
        addr: Guest address of its register window.
        len: Size of the window, in bytes.
        irq: Its interrupt, as a GSI number.
    """

    addr: u64
    len: u64
    irq: NonZeroU32 | None


class MmdsNetworkStackState(Struct):
    """The network stack that answers for the metadata service.

    Attributes:
        mac_addr: Its MAC address.
        ipv4_addr: Its IPv4 address, the first byte highest.
    """

    mac_addr: Annotated[tuple[int, ...], Array(u8, 6)]
    ipv4_addr: u32
    tcp_port: u16


class MicrovmState(Struct):
    """Everything but guest RAM, which is in the memory file."""

    vm_info: VmInfo
    memory_state: GuestMemoryState
    kvm_state: KvmState
    vm_state: VmState
    vcpu_states: list[VcpuState]
    device_states: DeviceStates
    acpi_dev_state: ACPIDeviceManagerState


REVISION: Final = v1_10.REVISION.revised(
    {
        v1_9.GuestMemoryRegionState: GuestMemoryRegionState,
        v1_9.VmState: VmState,
        v1_9_devices.MMIODeviceInfo: MMIODeviceInfo,
        v1_10.MmdsNetworkStackState: MmdsNetworkStackState,
        v1_9.MicrovmState: MicrovmState,
    }
)
