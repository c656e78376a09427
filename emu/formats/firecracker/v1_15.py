"""Firecracker v1.15, snapshot version 9.0.0: the first in bitcode.

There is a VMClock. The type of a virtio device is an enum, and a vsock keeps the last port that
it handed out.

Source: Firecracker v1.15.0 (v1.15.1 is the same), below `src/vmm/src`:
`device_manager/persist.rs`, `devices/acpi/vmclock.rs`, `devices/acpi/generated/vmclock_abi.rs`,
`devices/virtio/device.rs`, `devices/virtio/persist.rs`, `devices/virtio/vsock/persist.rs`.
"""

from __future__ import annotations

import enum
from typing import Annotated, Final

from emu.formats.firecracker import v1_9_virtio, v1_13, v1_14
from emu.formats.firecracker.v1_9_devices import VMGenIDState
from emu.formats.firecracker.v1_9_virtio import QueueState, VsockFrontendState
from emu.wire.schema import Array, Struct, u8, u16, u32, u64


class VirtioDeviceType(enum.Enum):
    """What a virtio device is; not in the order of virtio's device ids."""

    Net = "Net"
    Block = "Block"
    Rng = "Rng"
    Balloon = "Balloon"
    Vsock = "Vsock"
    Mem = "Mem"
    Pmem = "Pmem"


class VirtioDeviceState(Struct):
    """What every virtio device has.

    Attributes:
        avail_features: Feature bits that the device offers.
        acked_features: Feature bits that the driver accepted.
        activated: Whether the driver has started the device.
    """

    device_type: VirtioDeviceType
    avail_features: u64
    acked_features: u64
    queues: list[QueueState]
    activated: bool


class VsockBackendState(Struct):
    """The host's end of a vsock.

    Attributes:
        uds_path: Its Unix socket, on the host.
        local_port_last: The last port of the host that was handed out.
    """

    uds_path: str
    local_port_last: u32


class VsockState(Struct):
    """A vsock device."""

    backend: VsockBackendState
    frontend: VsockFrontendState


class vmclock_abi(Struct):
    """The guest's view of a VMClock, as Linux's `uapi/linux/vmclock-abi.h` declares it.

    Attributes:
        magic: 0x4b4c4356, "VCLK".
        size: Size of the memory that it is in, in bytes.
        counter_id: What `counter_value` counts; 0xff for nothing.
        seq_count: Odd while the rest is being changed.
        disruption_marker: Changes when the clock has jumped, for example because of a restore.
        flags: Which of the fields mean something.
        pad: Zeros.
        tai_offset_sec: Offset of TAI from UTC, in seconds.
        counter_period_shift: Further right shift of the period's fractions.
        counter_value: Value of the counter at the time below.
        counter_period_frac_sec: Period of the counter, in seconds / 2^(64 + shift).
        counter_period_esterror_rate_frac_sec: Its estimated error, in the same unit.
        counter_period_maxerror_rate_frac_sec: Its greatest error, in the same unit.
        time_sec: Time, in seconds since the epoch.
        time_frac_sec: The fraction, in seconds / 2^64.
        time_esterror_nanosec: Its estimated error, in nanoseconds.
        time_maxerror_nanosec: Its greatest error, in nanoseconds.
        vm_generation_counter: Changes when the VM was restored.
    """

    magic: u32
    size: u32
    version: u16
    counter_id: u8
    time_type: u8
    seq_count: u32
    disruption_marker: u64
    flags: u64
    pad: Annotated[tuple[int, ...], Array(u8, 2)]
    clock_status: u8
    leap_second_smearing_hint: u8
    tai_offset_sec: u16
    leap_indicator: u8
    counter_period_shift: u8
    counter_value: u64
    counter_period_frac_sec: u64
    counter_period_esterror_rate_frac_sec: u64
    counter_period_maxerror_rate_frac_sec: u64
    time_sec: u64
    time_frac_sec: u64
    time_esterror_nanosec: u64
    time_maxerror_nanosec: u64
    vm_generation_counter: u64


class VmClockState(Struct):
    """The clock that tells the guest that time has jumped.

    Attributes:
        guest_address: Guest address of what it shows.
        gsi: Its interrupt.
        inner: What it shows.
    """

    guest_address: u64
    gsi: u32
    inner: vmclock_abi


class ACPIDeviceManagerState(Struct):
    """Devices that are known by ACPI, or here by the device tree, alone."""

    vmgenid: VMGenIDState
    vmclock: VmClockState


REVISION: Final = v1_14.REVISION.revised(
    {
        v1_13.VirtioDeviceState: VirtioDeviceState,
        v1_9_virtio.VsockState: VsockState,
        v1_14.ACPIDeviceManagerState: ACPIDeviceManagerState,
    }
)
