"""Memory that is a device: new in Firecracker v1.14.

Source: Firecracker v1.14.0, below `src/vmm/src`: `devices/virtio/pmem/`,
`devices/virtio/mem/persist.rs`, `vmm_config/pmem.rs`.
"""

from __future__ import annotations

from emu.formats.firecracker.v1_13 import VirtioDeviceState
from emu.wire.schema import Struct, u64


class ConfigSpace(Struct):
    """Virtio's configuration space of a persistent memory.

    Attributes:
        start: Its guest address.
        size: Its size, in bytes.
    """

    start: u64
    size: u64


class PmemConfig(Struct):
    """How a persistent memory was configured.

    Attributes:
        path_on_host: The file, on the host.
        root_device: Whether the kernel is told to boot from it.
    """

    id: str
    path_on_host: str
    root_device: bool
    read_only: bool


class PmemState(Struct):
    """A persistent memory: a file of the host as guest memory."""

    virtio_state: VirtioDeviceState
    config_space: ConfigSpace
    config: PmemConfig


class VirtioMemState(Struct):
    """RAM that can be plugged in.

    Attributes:
        addr: Guest address where it begins.
        region_size: Size if all of it is plugged in, in bytes.
        block_size: What the guest plugs in at a time, in bytes.
        usable_region_size: How much the guest may plug in at present, in bytes.
        requested_size: How much the host wants to be plugged in, in bytes.
        slot_size: What the host maps at a time, in bytes.
        plugged_blocks: Which blocks are plugged in.
    """

    virtio_state: VirtioDeviceState
    addr: u64
    region_size: u64
    block_size: u64
    usable_region_size: u64
    requested_size: u64
    slot_size: u64
    plugged_blocks: list[bool]
