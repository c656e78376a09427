"""Firecracker v1.12, snapshot version 6.0.0.

The memory regions belong to the state of the VM.

Source: Firecracker v1.12.0 (v1.12.1 is the same), below `src/vmm/src`: `persist.rs`,
`arch/aarch64/vm.rs`.
"""

from __future__ import annotations

from typing import Final

from emu.formats.firecracker import v1_11
from emu.formats.firecracker.v1_9 import GicState, GuestMemoryState, VcpuState, VmInfo
from emu.formats.firecracker.v1_9_devices import ACPIDeviceManagerState, DeviceStates
from emu.formats.firecracker.v1_11 import KvmState
from emu.wire.schema import Struct


class VmState(Struct):
    """The VM without its vCPUs and devices."""

    memory: GuestMemoryState
    gic: GicState


class MicrovmState(Struct):
    """Everything but guest RAM, which is in the memory file."""

    vm_info: VmInfo
    kvm_state: KvmState
    vm_state: VmState
    vcpu_states: list[VcpuState]
    device_states: DeviceStates
    acpi_dev_state: ACPIDeviceManagerState


REVISION: Final = v1_11.REVISION.revised(
    {
        v1_11.VmState: VmState,
        v1_11.MicrovmState: MicrovmState,
    }
)
