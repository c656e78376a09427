"""What Firecracker asks of the queues of virtio devices.

`VirtioDeviceState::build_queues_checked` in `devices/virtio/persist.rs`; `Queue::is_layout_valid`
(v1.9) and `Queue::initialize` in `devices/virtio/queue.rs`; `restore` of each device.

Left out is what is in guest memory: how far the rings are filled, which counts up to v1.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

from emu.formats import checks
from emu.formats.firecracker.restore.devices import (
    BALLOON,
    BLOCK,
    ENTROPY,
    MEM,
    NET,
    PMEM,
    VSOCK,
    Kind,
    Transport,
)
from emu.formats.firecracker.restore.guest_memory import GuestMemory
from emu.formats.loader import Check

SIZE_MAX: Final = 256
"""`FIRECRACKER_MAX_QUEUE_SIZE`: the size of every queue that a device offers."""

_COUNTS = {BLOCK: 1, NET: 2, VSOCK: 3, ENTROPY: 1, PMEM: 1, MEM: 1}
_BALLOON_COUNT_MIN = 2
_F_FREE_PAGE_HINTING = 1 << 3
_F_FREE_PAGE_REPORTING = 1 << 5

_ERRORS = {
    BALLOON: "BalloonError::QueueRestoreError",
    BLOCK: "VirtioBlockError::Persist",
    NET: "NetPersistError::VirtioState",
    VSOCK: "VsockError::VirtioState",
    ENTROPY: "EntropyPersistError::VirtioState",
    PMEM: "PmemPersistError::VirtioState",
    MEM: "VirtioMemPersistError::VirtioState",
}

# Field, alignment, size, size per descriptor; all in bytes (VIRTIO 1.2, section 2.7).
_RINGS = (("desc_table", 16, 0, 16), ("avail_ring", 2, 6, 2), ("used_ring", 4, 6, 8))


def check(transport: Transport, kind: Kind, *, idle_sizes: bool = False) -> Check:
    """The queues of devices of a kind are what the device expects.

    Args:
        transport: where the devices are.
        kind: which devices.
        idle_sizes: whether queues that are not in use must have a size that they can have.
    """

    def faults(state: Any) -> Iterator[str]:
        memory = GuestMemory(state)
        for path, device, virtio in transport.virtio_states(state, kind):
            yield from _device_faults(path, virtio, kind, _count(kind, device.device_state))
            for index, queue in enumerate(virtio.queues):
                queue_path = f"{path}.queues[{index}]"
                if virtio.activated:
                    yield from activated_faults(queue_path, queue, memory)
                yield from _size_faults(queue_path, queue, idle_sizes)

    rule = f"has the queues of each {kind.noun} on {transport.bus}"
    return checks.faultless(rule, transport.error(kind.error, _ERRORS[kind]), faults)


def _count(kind: Kind, device_state: Any) -> int:
    """How many queues a device has; a balloon has more if it offers what needs them."""
    if kind is not BALLOON:
        return _COUNTS[kind]
    count = _BALLOON_COUNT_MIN + bool(device_state.stats_polling_interval_s)
    if not hasattr(device_state, "hinting_state"):  # up to v1.13
        return count
    offered = device_state.virtio_state.avail_features
    return count + bool(offered & _F_FREE_PAGE_HINTING) + bool(offered & _F_FREE_PAGE_REPORTING)


def _device_faults(path: str, virtio: Any, kind: Kind, queue_count: int) -> Iterator[str]:
    found, expected = _device_type(virtio.device_type, kind)
    if found != expected:
        yield f"{path}.device_type is {found}; that of a {kind.noun} is {expected}"
    surplus = virtio.acked_features & ~virtio.avail_features
    if surplus:
        yield (
            f"{path}.acked_features is {virtio.acked_features:#x}, with the bits {surplus:#x} that "
            "avail_features has not; a driver can only accept what is offered"
        )
    if len(virtio.queues) != queue_count:
        yield f"{path}.queues has {len(virtio.queues)} queues; this {kind.noun} has {queue_count}"


def _device_type(found: int | Enum, kind: Kind) -> tuple[str, str]:
    """A device's type and that of its kind, as the release writes them."""
    if isinstance(found, Enum):
        return found.value, kind.type_name
    return str(found), str(kind.virtio_id)


def _size_faults(path: str, queue: Any, idle_sizes: bool) -> Iterator[str]:
    if queue.max_size != SIZE_MAX:
        yield f"{path}.max_size is {queue.max_size}; Firecracker offers {SIZE_MAX}"
    if idle_sizes and queue.size > SIZE_MAX:
        yield f"{path}.size is {queue.size}; expected {SIZE_MAX} at most"


def activated_faults(path: str, queue: Any, memory: GuestMemory) -> Iterator[str]:
    """Faults of a queue that is in use."""
    if not queue.ready:
        yield f"{path}.ready is false, but the device is activated; expected true"
    size = queue.size
    if not 0 < size <= queue.max_size or size & (size - 1):
        yield f"{path}.size is {size}; expected a power of two up to max_size, {queue.max_size}"
    for field, alignment, fixed, per_descriptor in _RINGS:
        address, size_bytes = getattr(queue, field), fixed + per_descriptor * size
        if address % alignment:
            yield f"{path}.{field} is {address:#x}; expected a multiple of {alignment}"
        if not memory.holds(address, size_bytes):
            yield f"{path}.{field} is {address:#x}; expected {size_bytes} bytes of RAM there"
