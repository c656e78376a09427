"""What the virtio devices have in common that a Linux guest uses: features, queues, limits.

Source: `devices/virtio/queue.rs`, `rate_limiter/` and `device_manager/persist.rs` of Firecracker
v1.9.0 to v1.16.0; for what the guest does, `drivers/virtio` of Linux 6.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from emu.formats.firecracker.device_types import DeviceType
from emu.wire.facts import Facts
from harness.states.guest import MIB, PAGE
from harness.states.vm import Vm

QUEUE_SIZE: Final = 256
_RING_PAGES = 4
_AVAIL_RING_SIZE = 576
_U16 = 0xFFFF

_EVENT_IDX = 1 << 29
_IN_ORDER = 1 << 35

DRIVER_OK: Final = 0xF
"""Acknowledge, driver, features OK, driver OK."""


@dataclass(frozen=True, slots=True)
class Device:
    """A virtio device as it is attached.

    Attributes:
        field: where the states of a bus have it.
        state: what is in its `device_state`.
        queue_count: how many queues it has.
    """

    type: DeviceType
    id: str
    field: str
    state: object
    queue_count: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a queue has got.

    Attributes:
        used: buffers that the device gave back.
        held: buffers that it took, and has not given back.
    """

    used: int = 0
    held: int = 0


def some_progress(random: Random) -> Progress:
    """Of a queue that is idle: few buffers, or many, all given back."""
    return Progress(random.choice([random.randrange(0x100), random.randrange(1 << 20)]))


def virtio_state(
    vm: Vm, kind: DeviceType, progress: Sequence[Progress], extra_features: int = 0
) -> Facts:
    """The fields of `VirtioDeviceState` of a device that is in use."""
    offered = vm.release.features[kind] | extra_features
    accepted = offered & ~_IN_ORDER  # Linux has no use for it.
    return {
        "device_type": kind,
        "avail_features": offered,
        "acked_features": accepted,
        "queues": [_queue(vm, queue, accepted) for queue in progress],
        "interrupt_status": 0,
        "activated": True,
    }


def _queue(vm: Vm, progress: Progress, features: int) -> Facts:
    rings = vm.guest.pages(_RING_PAGES)
    # Virtio-mmio wants the used ring on a page of its own, virtio-pci only apart.
    used_ring = rings + PAGE + (PAGE if vm.machine.bus == "mmio" else _AVAIL_RING_SIZE)
    return {
        "max_size": QUEUE_SIZE,
        "size": QUEUE_SIZE,
        "ready": True,
        "desc_table": rings,
        "avail_ring": rings + PAGE,
        "used_ring": used_ring,
        "next_avail": progress.used + progress.held & _U16,
        "next_used": progress.used & _U16,
        # It begins anew with each interrupt that may be left out; else none begins it anew.
        "num_added": 0 if features & _EVENT_IDX else progress.used & _U16,
    }


def rate_limiter(random: Random) -> Facts:
    """The fields of `RateLimiterState`. One device in three is limited."""
    if random.randrange(3):
        return {"ops": None, "bandwidth": None}
    operations = _bucket(random, 1_000) if random.randrange(2) else None
    return {"ops": operations, "bandwidth": _bucket(random, 10 * MIB)}


def _bucket(random: Random, size: int) -> Facts:
    return {
        "size": size,
        "one_time_burst": random.choice([0, random.randrange(size)]),
        "refill_time": 100,
        "budget": random.randrange(size + 1),
        "elapsed_ns": random.randrange(10**9),
    }


def mmio_transport(device: Device) -> Facts:
    """The fields of `MmioTransportState`: the driver has selected the last queue last."""
    return {
        "features_select": 0,
        "acked_features_select": 0,
        "queue_select": device.queue_count - 1,
        "device_status": DRIVER_OK,
        "config_generation": 0,
        "interrupt_status": 0,
    }
