"""Split virtqueues: how descriptors and rings lie in guest memory.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, section 2.7. All is little-endian.
"""

from __future__ import annotations

import struct
from typing import Final

from emu.arch.bits import Register, bit

SIZE_MAX: Final = 32768
"""Most descriptors of a queue (2.7); a power of two."""

DESCRIPTOR: Final = struct.Struct("<QIHH")
"""`struct virtq_desc`: address, length in bytes, flags, next (2.7.5)."""

DESCRIPTOR_TABLE_ALIGNMENT: Final = 16
AVAILABLE_RING_ALIGNMENT: Final = 2
USED_RING_ALIGNMENT: Final = 4

RING_ENTRIES_OFFSET: Final = 4
"""Where the entries of either ring begin, after `flags` and `idx` (2.7.6, 2.7.8)."""

INDEX_OFFSET: Final = 2
"""Where `idx` is, in either ring."""

AVAILABLE_ENTRY_SIZE_BYTES: Final = 2

USED_ENTRY: Final = struct.Struct("<II")
"""`struct virtq_used_elem`: head of the chain, bytes written to it (2.7.8)."""


class DescriptorFlags(Register):
    """What a descriptor is (2.7.5)."""

    INDIRECT = bit(2)
    WRITE = bit(1)
    NEXT = bit(0)


class AvailableFlags(Register):
    """What the driver wants, without EVENT_IDX (2.7.6)."""

    NO_INTERRUPT = bit(0)


def descriptor_table_size_bytes(size: int) -> int:
    """Of a queue of `size` descriptors."""
    return DESCRIPTOR.size * size


def available_ring_size_bytes(size: int) -> int:
    """Of a queue of `size` descriptors, with `used_event` at the end."""
    return RING_ENTRIES_OFFSET + AVAILABLE_ENTRY_SIZE_BYTES * size + 2


def used_ring_size_bytes(size: int) -> int:
    """Of a queue of `size` descriptors, with `avail_event` at the end."""
    return RING_ENTRIES_OFFSET + USED_ENTRY.size * size + 2
