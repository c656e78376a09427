"""Types of virtio devices, by the names that Firecracker gives to them.

Up to v1.14 a state file has the numbers, from v1.15 on variants of an enum (`VirtioDeviceType` in
`src/vmm/src/devices/virtio/device.rs`).
"""

from __future__ import annotations

from enum import IntEnum


class DeviceType(IntEnum):
    """Virtio's device ids."""

    Net = 1
    Block = 2
    Rng = 4
    Balloon = 5
    Vsock = 19
    Mem = 24
    Pmem = 27
