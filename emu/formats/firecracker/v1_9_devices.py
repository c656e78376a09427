"""The devices of Firecracker v1.9, and where they are connected.

Source: Firecracker v1.9.0, below `src/vmm/src`: `device_manager/persist.rs`,
`device_manager/mmio.rs`, `devices/virtio/persist.rs`, `devices/acpi/vmgenid.rs`, `arch/mod.rs`.
"""

from __future__ import annotations

import enum
from typing import Generic, TypeAlias, TypeVar

from emu.formats.firecracker.v1_9_virtio import (
    BalloonState,
    BlockState,
    EntropyState,
    NetState,
    VsockState,
)
from emu.wire.schema import Struct, u32, u64

Device = TypeVar("Device")


# --- virtio devices on the MMIO bus ------------------------------------------------------------


class MMIODeviceInfo(Struct):
    """Where a device is.

    Attributes:
        addr: Guest address of its register window.
        len: Size of the window, in bytes.
        irqs: Its interrupts, as GSI numbers.
    """

    addr: u64
    len: u64
    irqs: list[u32]


class MmioTransportState(Struct):
    """The registers of virtio-mmio that belong to no queue.

    Attributes:
        features_select: Which 32 feature bits DeviceFeatures shows.
        acked_features_select: Which 32 feature bits DriverFeatures sets.
        queue_select: Queue that the queue registers are about.
        device_status: Status, as the driver set it.
        config_generation: ConfigGeneration.
    """

    features_select: u32
    acked_features_select: u32
    queue_select: u32
    device_status: u32
    config_generation: u32


class Connected(Struct, Generic[Device]):
    """A virtio device and where it is connected, on virtio-mmio.

    In Rust there is one such struct per device up to v1.12, `ConnectedBlockState` and so on; from
    v1.13 it is the `VirtioDeviceState<T>` of `device_manager/persist.rs`.
    """

    device_id: str
    device_state: Device
    transport_state: MmioTransportState
    device_info: MMIODeviceInfo


# --- other devices ----------------------------------------------------------------------------


class Virtio(Struct):
    """A virtio device, by its device id; never written in this place."""

    _0: u32


class Serial(Struct):
    """The serial port."""


class Rtc(Struct):
    """The real-time clock, a PL031."""


class BootTimer(Struct):
    """The device that measures how long the guest takes to boot; never written."""


DeviceType: TypeAlias = Virtio | Serial | Rtc | BootTimer


class ConnectedLegacyState(Struct):
    """A device without state, and where it is connected."""

    type_: DeviceType
    device_info: MMIODeviceInfo


class MmdsVersionState(enum.Enum):
    """Protocol of the metadata service; in Rust `MmdsVersion` from v1.13."""

    V1 = "V1"
    V2 = "V2"


class VMGenIDState(Struct):
    """The device that tells the guest that it was cloned.

    Attributes:
        gsi: Its interrupt.
        addr: Guest address of the 16 bytes of the generation id.
    """

    gsi: u32
    addr: u64


class ACPIDeviceManagerState(Struct):
    """Devices that are known by ACPI, or here by the device tree, alone."""

    vmgenid: VMGenIDState | None


# --- all ---------------------------------------------------------------------------------------


class DeviceStates(Struct):
    """The devices on the MMIO bus.

    Attributes:
        mmds_version: Present if there is a metadata service.
    """

    legacy_devices: list[ConnectedLegacyState]
    block_devices: list[Connected[BlockState]]
    net_devices: list[Connected[NetState]]
    vsock_device: Connected[VsockState] | None
    balloon_device: Connected[BalloonState] | None
    mmds_version: MmdsVersionState | None
    entropy_device: Connected[EntropyState] | None
