"""Who has which address and which interrupt: new in Firecracker v1.13.

Source: Firecracker v1.13.0, `src/vmm/src/vstate/resources.rs`; the crate vm-allocator 0.1.3 (0.1.4
is the same): `id_allocator.rs`, `address_allocator.rs`, `allocation_engine/interval_tree.rs`,
`lib.rs`.
"""

from __future__ import annotations

import enum

from emu.wire.schema import Struct, u32, u64


class IdAllocator(Struct):
    """Numbers of a range that are handed out in rising order.

    Attributes:
        range_base: The least number.
        next_id: The least number that was never handed out; None if that would be 2^32.
        range_end: The greatest number.
        freed_ids: Numbers that were given back, in rising order: a set.
    """

    range_base: u32
    next_id: u32 | None
    range_end: u32
    freed_ids: list[u32]


class RangeInclusive(Struct):
    """A range of addresses.

    Attributes:
        start: The first address.
        end: The last address.
    """

    start: u64
    end: u64


class NodeState(enum.Enum):
    """Whether a range is handed out."""

    Free = "Free"
    Allocated = "Allocated"


class InnerNode(Struct):
    """A node of the tree of ranges.

    Attributes:
        left: Nodes of lower addresses.
        right: Nodes of higher addresses.
        height: Levels from here down; 1 for a leaf.
    """

    key: RangeInclusive
    node_state: NodeState
    left: InnerNode | None
    right: InnerNode | None
    height: u64


class IntervalTree(Struct):
    """A balanced tree of ranges, whose shape depends on the order in which they were handed out."""

    root: InnerNode | None


class AddressAllocator(Struct):
    """Ranges of an address space that are handed out.

    Attributes:
        interval_tree: Free ranges and those handed out; together they are the address space.
    """

    address_space: RangeInclusive
    interval_tree: IntervalTree


class ResourceAllocator(Struct):
    """What can be handed out to devices.

    Attributes:
        gsi_legacy_allocator: GSIs for interrupt lines.
        gsi_msi_allocator: GSIs for message-signalled interrupts.
        mmio32_memory: Guest addresses below 4 GiB, for devices.
        mmio64_memory: Guest addresses above 4 GiB, for devices.
        system_memory: RAM that the guest's memory map leaves out, for VMGenID and the like.
    """

    gsi_legacy_allocator: IdAllocator
    gsi_msi_allocator: IdAllocator
    mmio32_memory: AddressAllocator
    mmio64_memory: AddressAllocator
    system_memory: AddressAllocator
