"""Firecracker v1.13, snapshot version 8.0.0.

There is a PCI bus with an interrupt translation service (ITS), stolen time, and a record of what
was handed out to devices. Interrupt status belongs to virtio-mmio, no longer to each device.

Source: Firecracker v1.13.0 (v1.13.1 and v1.13.2 are the same), below `src/vmm/src`: `persist.rs`,
`arch/aarch64/vm.rs`, `arch/aarch64/vcpu.rs`, `arch/aarch64/gic/`, `device_manager/`,
`devices/virtio/persist.rs`, `devices/virtio/net/persist.rs`.
"""

from __future__ import annotations

from typing import Annotated, Final

from emu.formats.firecracker import v1_9, v1_9_devices, v1_9_virtio, v1_10, v1_11, v1_12
from emu.formats.firecracker.leaves import Aarch64RegisterVec, kvm_mp_state, kvm_vcpu_init
from emu.formats.firecracker.v1_9 import GicRegState, GicVcpuState, GuestMemoryState, VmInfo
from emu.formats.firecracker.v1_9_devices import (
    ACPIDeviceManagerState,
    Connected,
    ConnectedLegacyState,
)
from emu.formats.firecracker.v1_9_virtio import (
    BalloonState,
    BlockState,
    EntropyState,
    NetConfigSpaceState,
    QueueState,
    RateLimiterState,
    VsockState,
)
from emu.formats.firecracker.v1_11 import KvmState, MmdsNetworkStackState
from emu.formats.firecracker.v1_13_pci import MmdsState, PciDevicesState
from emu.formats.firecracker.v1_13_resources import ResourceAllocator
from emu.wire.schema import Array, Struct, u32, u64

# --- VM and vCPU -------------------------------------------------------------------------------


class ItsRegisterState(Struct):
    """Registers of the interrupt translation service; its tables are in guest RAM.

    Attributes:
        iidr: GITS_IIDR.
        cbaser: GITS_CBASER.
        creadr: GITS_CREADR.
        cwriter: GITS_CWRITER.
        baser: GITS_BASER0 to GITS_BASER7.
        ctlr: GITS_CTLR.
    """

    iidr: u64
    cbaser: u64
    creadr: u64
    cwriter: u64
    baser: Annotated[tuple[int, ...], Array(u64, 8)]
    ctlr: u64


class GicState(Struct):
    """The interrupt controller.

    Attributes:
        dist: Registers of the distributor.
        gic_vcpu_states: In the order of the vCPUs.
        its_state: None on GICv2.
    """

    dist: list[GicRegState[u32]]
    gic_vcpu_states: list[GicVcpuState]
    its_state: ItsRegisterState | None


class VmState(Struct):
    """The VM without its vCPUs and devices."""

    memory: GuestMemoryState
    gic: GicState
    resource_allocator: ResourceAllocator


class VcpuState(Struct):
    """One vCPU.

    Attributes:
        mp_state: Whether it runs: 0 runnable, 5 stopped.
        mpidr: Its affinity: the value of MPIDR_EL1.
        kvi: Type and features that it was made with.
        pvtime_ipa: Guest address of its record of stolen time; None if the host has no such thing.
    """

    mp_state: kvm_mp_state
    regs: Aarch64RegisterVec
    mpidr: u64
    kvi: kvm_vcpu_init
    pvtime_ipa: u64 | None


# --- devices -----------------------------------------------------------------------------------


class MMIODeviceInfo(Struct):
    """Where a device is.

    Attributes:
        addr: Guest address of its register window.
        len: Size of the window, in bytes.
        gsi: Its interrupt, as a GSI number.
    """

    addr: u64
    len: u64
    gsi: u32 | None


class MmioTransportState(Struct):
    """The registers of virtio-mmio that belong to no queue.

    Attributes:
        features_select: Which 32 feature bits DeviceFeatures shows.
        acked_features_select: Which 32 feature bits DriverFeatures sets.
        queue_select: Queue that the queue registers are about.
        device_status: Status, as the driver set it.
        config_generation: ConfigGeneration.
        interrupt_status: InterruptStatus.
    """

    features_select: u32
    acked_features_select: u32
    queue_select: u32
    device_status: u32
    config_generation: u32
    interrupt_status: u32


class VirtioDeviceState(Struct):
    """What every virtio device has.

    Attributes:
        device_type: Virtio's device id.
        avail_features: Feature bits that the device offers.
        acked_features: Feature bits that the driver accepted.
        activated: Whether the driver has started the device.
    """

    device_type: u32
    avail_features: u64
    acked_features: u64
    queues: list[QueueState]
    activated: bool


class NetState(Struct):
    """A network device.

    Attributes:
        tap_if_name: The TAP device, on the host.
        mmds_ns: Present if the guest reaches the metadata service through this device.
    """

    id: str
    tap_if_name: str
    rx_rate_limiter_state: RateLimiterState
    tx_rate_limiter_state: RateLimiterState
    mmds_ns: MmdsNetworkStackState | None
    config_space: NetConfigSpaceState
    virtio_state: VirtioDeviceState


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


class DevicesState(Struct):
    """All devices."""

    mmio_state: DeviceStates
    acpi_state: ACPIDeviceManagerState
    pci_state: PciDevicesState


# --- the whole ---------------------------------------------------------------------------------


class MicrovmState(Struct):
    """Everything but guest RAM, which is in the memory file."""

    vm_info: VmInfo
    kvm_state: KvmState
    vm_state: VmState
    vcpu_states: list[VcpuState]
    device_states: DevicesState


REVISION: Final = v1_12.REVISION.revised(
    {
        v1_9.GicState: GicState,
        v1_12.VmState: VmState,
        v1_9.VcpuState: VcpuState,
        v1_11.MMIODeviceInfo: MMIODeviceInfo,
        v1_9_devices.MmioTransportState: MmioTransportState,
        v1_9_virtio.VirtioDeviceState: VirtioDeviceState,
        v1_10.NetState: NetState,
        v1_9_devices.DeviceStates: DeviceStates,
        v1_12.MicrovmState: MicrovmState,
    }
)
