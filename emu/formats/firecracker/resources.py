"""The record of what was handed out, made anew: allocators that have given out what is given.

The trees hold the right ranges and are balanced, but not in the shape that the history of a VM
gives them: the shape depends on the order of all that was ever handed out and given back. No
release looks at the shape. Space to hand out is looked for from one end.

Source: Firecracker v1.13.0 to v1.16.1, `src/vmm/src/vstate/resources.rs` and
`src/vmm/src/arch/aarch64/layout.rs`; the crate vm-allocator 0.1.3: `id_allocator.rs`,
`address_allocator.rs`, `allocation_engine/interval_tree.rs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from emu.errors import IncompatibleError
from emu.formats.firecracker.v1_13_resources import (
    AddressAllocator,
    IdAllocator,
    InnerNode,
    IntervalTree,
    NodeState,
    RangeInclusive,
)


class Span(NamedTuple):
    """A range of numbers, the last one included."""

    first: int
    last: int


LEGACY_GSIS: Final = Span(0, 95)
"""GSIs of interrupt lines, `GSI_LEGACY_START` to `GSI_LEGACY_END`: GSI n is INTID 32 + n."""
MSI_GSIS: Final = Span(96, 4095)
MMIO32: Final = Span(0x4000_3000, 0x6FFF_FFFF)
MMIO64: Final = Span(0x40_0000_0000, 0x7F_FFFF_FFFF)
PAST_MMIO64: Final = Span(0x80_0000_0000, 0xFF_FFFF_FFFF)
SYSTEM_MEMORY: Final = Span(0x8000_0000, 0x801F_FFFF)


# --- numbers -----------------------------------------------------------------------------------


def id_allocator(space: Span, taken: Iterable[int]) -> IdAllocator:
    """The allocator of `space` that has given out those of its numbers that are in `taken`.

    >>> id_allocator(Span(0, 9), [4, 2])
    IdAllocator(range_base=0, next_id=5, range_end=9, freed_ids=[0, 1, 3])
    """
    given = {number for number in taken if space.first <= number <= space.last}
    following = max(given, default=space.first - 1) + 1
    freed = sorted(set(range(space.first, following)) - given)
    return IdAllocator(space.first, following, space.last, freed)


def allocate_id(allocator: IdAllocator) -> tuple[int, IdAllocator]:
    """The number that is handed out next, and the allocator after that.

    Raises `IncompatibleError` if there is none left.
    """
    if allocator.freed_ids:
        number, *freed = allocator.freed_ids
        return number, _with_ids(allocator, allocator.next_id, freed)
    following = allocator.next_id
    if following is None or following > allocator.range_end:
        raise IncompatibleError(
            f"all interrupts from {allocator.range_base} to {allocator.range_end} are taken, and "
            "one more is needed; remove a device before the snapshot is taken"
        )
    return following, _with_ids(allocator, following + 1, [])


def _with_ids(allocator: IdAllocator, following: int | None, freed: list[int]) -> IdAllocator:
    return IdAllocator(allocator.range_base, following, allocator.range_end, freed)


# --- addresses ---------------------------------------------------------------------------------


def address_allocator(space: Span, taken: Iterable[Span]) -> AddressAllocator:
    """The allocator of `space` that has given out those ranges of `taken` that are inside.

    Of ranges that overlap, the lowest is kept.
    """
    root = _balanced(list(_nodes(space, sorted(taken))))
    return AddressAllocator(RangeInclusive(*space), IntervalTree(root))


def allocated(allocator: AddressAllocator) -> Iterator[Span]:
    """The ranges that were given out, lowest first. A tree may be as deep as it has nodes."""
    left_open: list[InnerNode] = []
    node = allocator.interval_tree.root
    while left_open or node is not None:
        while node is not None:
            left_open.append(node)
            node = node.left
        here = left_open.pop()
        if here.node_state is NodeState.Allocated:
            yield Span(here.key.start, here.key.end)
        node = here.right


def allocate_last(
    allocator: AddressAllocator, size_bytes: int, alignment_bytes: int
) -> tuple[int, AddressAllocator]:
    """The highest free address for so many bytes, and the allocator that has given them out.

    Raises `IncompatibleError` if there is no room left.
    """
    space = Span(allocator.address_space.start, allocator.address_space.end)
    taken = list(allocated(allocator))
    for (first, last), is_free in reversed(list(_tiles(space, taken))):
        address = (last + 1 - size_bytes) // alignment_bytes * alignment_bytes
        if is_free and address >= first:
            found = Span(address, address + size_bytes - 1)
            return address, address_allocator(space, [*taken, found])
    raise IncompatibleError(
        f"no {size_bytes:,} bytes are free from {space.first:#x} to {space.last:#x}, and a device "
        "needs them there; remove a device before the snapshot is taken"
    )


_Tile = tuple[Span, bool]


def _tiles(space: Span, taken: Sequence[Span]) -> Iterator[_Tile]:
    """The whole space in ascending order, each range with whether it is free."""
    start = space.first
    for first, last in taken:
        if first < start or last > space.last or last < first:
            continue
        if first > start:
            yield Span(start, first - 1), True
        yield Span(first, last), False
        start = last + 1
    if start <= space.last:
        yield Span(start, space.last), True


def _nodes(space: Span, taken: Sequence[Span]) -> Iterator[InnerNode]:
    for span, is_free in _tiles(space, taken):
        state = NodeState.Free if is_free else NodeState.Allocated
        yield InnerNode(RangeInclusive(*span), state, None, None, 1)


def _balanced(nodes: Sequence[InnerNode]) -> InnerNode | None:
    """The nodes as a tree in which the two sides of each have the same number, or nearly so."""
    if not nodes:
        return None
    middle = len(nodes) // 2
    node, left, right = nodes[middle], _balanced(nodes[:middle]), _balanced(nodes[middle + 1 :])
    height = 1 + max(left.height if left else 0, right.height if right else 0)
    return InnerNode(node.key, node.node_state, left, right, height)
