"""States whose fields contradict each other, though each by itself may be right.

A contradiction is a function that changes a snapshot in place and says what it did; None if the
format has not what it is about.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from emu.formats.firecracker.restore import memory_regions
from emu.wire.schema import Struct

Contradiction = Callable[[Random, Any], str | None]


def apply_any(random: Random, snapshot: Any) -> str:
    """Make one contradiction that there is in the format of `snapshot`; what it is."""
    order = list(CONTRADICTIONS)
    random.shuffle(order)
    for contradiction in order:
        what = contradiction(random, snapshot)
        if what is not None:
            return what
    raise AssertionError("every format has a vCPU that can be dropped")


def _vcpu_dropped(_random: Random, snapshot: Any) -> str:
    count = len(snapshot.data.vcpu_states)
    snapshot.data.vcpu_states.pop()
    return f"one of {count} vCPUs is gone, with its part of the interrupt controller left"


def _affinity_twice(_random: Random, snapshot: Any) -> str | None:
    vcpus = snapshot.data.vcpu_states
    if len(vcpus) < 2:
        return None
    vcpus[1].mpidr = vcpus[0].mpidr
    return "two vCPUs have one affinity"


def _gic_length(random: Random, snapshot: Any) -> str | None:
    gic = getattr(snapshot.data, "gic_state", None)
    if gic is None:
        return None
    gic.len += random.choice([-1, 1, 1 << 32])
    return f"gic_state.len is {gic.len}, and there are {len(gic.bytes)} bytes"


def _register_data(random: Random, snapshot: Any) -> str | None:
    regs = _registers(snapshot)
    if regs is None:
        return None
    regs.data = random.choice([regs.data[:-1], regs.data + b"\0", b""])
    return f"{len(regs.ids)} register ids come with {len(regs.data)} bytes of values"


def _register_size(random: Random, snapshot: Any) -> str | None:
    regs = _registers(snapshot)
    if regs is None:
        return None
    at = random.randrange(len(regs.ids))
    regs.ids[at] |= 0xF << 52
    return f"register {at} says that it has 32768 bytes"


def _register_twice(random: Random, snapshot: Any) -> str | None:
    regs = _registers(snapshot)
    if regs is None:
        return None
    regs.ids[-1] = regs.ids[-2]
    return f"register {regs.ids[-1]:#x} is there twice"


def _memory_size(random: Random, snapshot: Any) -> str:
    info = snapshot.data.vm_info
    info.mem_size_mib = random.choice([0, 1, info.mem_size_mib * 2, info.mem_size_mib - 1, 1 << 44])
    return f"vm_info.mem_size_mib is {info.mem_size_mib}, whatever the regions say"


def _regions_overlap(_random: Random, snapshot: Any) -> str | None:
    regions = _regions(snapshot)
    if not regions:
        return None
    regions.append(regions[0])
    return "a region of memory is there twice"


def _region_size(random: Random, snapshot: Any) -> str | None:
    regions = _regions(snapshot)
    if not regions:
        return None
    regions[0].size = random.choice([0, 1, 4095, (1 << 63) - 1, (1 << 64) - 1])
    return f"a region of memory has {regions[0].size} bytes"


def _queue_outside(_random: Random, snapshot: Any) -> str | None:
    for queue in _queues(snapshot.data):
        queue.desc_table = (1 << 64) - 16
        return "a virtqueue's descriptors are at the end of the address space"
    return None


def _queue_size(random: Random, snapshot: Any) -> str | None:
    for queue in _queues(snapshot.data):
        queue.size = random.choice([3, queue.max_size * 2 & 0xFFFF, 0xFFFF])
        return f"a virtqueue has {queue.size} descriptors, at most {queue.max_size}"
    return None


def _id_twice(_random: Random, snapshot: Any) -> str | None:
    squib_devices = getattr(getattr(snapshot.data, "device_states", None), "devices", None)
    for devices in [squib_devices] if squib_devices else _device_lists(snapshot.data):
        devices.append(devices[0])
        return "a device is there twice, under one id"
    return None


CONTRADICTIONS: tuple[Contradiction, ...] = (
    _vcpu_dropped,
    _affinity_twice,
    _gic_length,
    _register_data,
    _register_size,
    _register_twice,
    _memory_size,
    _regions_overlap,
    _region_size,
    _queue_outside,
    _queue_size,
    _id_twice,
)


def _registers(snapshot: Any) -> Any:
    """The registers of a vCPU, where they are a list of ids and values."""
    regs = snapshot.data.vcpu_states[-1].regs
    return regs if hasattr(regs, "ids") and len(regs.ids) > 1 else None


def _regions(snapshot: Any) -> list[Any]:
    """The regions of memory, where the format has them."""
    data = snapshot.data
    if not hasattr(data, "memory_state") and not hasattr(data, "vm_state"):
        return []
    regions: list[Any] = memory_regions(data)
    return regions


def _queues(value: Any) -> Iterator[Any]:
    """Every virtqueue in a value."""
    if hasattr(value, "desc_table"):
        yield value
    for part in _inside(value):
        yield from _queues(part)


def _device_lists(value: Any) -> Iterator[list[Any]]:
    """Every list in a value that has devices with ids."""
    if isinstance(value, list) and value and hasattr(value[0], "device_id"):
        yield value
    for part in _inside(value):
        yield from _device_lists(part)


def _inside(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, Struct):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return []
