"""What a Firecracker state hands out to devices: interrupt numbers and addresses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from emu.inspect.description import AllocatorView, RangeView

_ALLOCATED = "Allocated"


def allocator_views(allocators: Any) -> Iterator[AllocatorView]:
    """All allocators of a `ResourceAllocator`; None has none."""
    if allocators is None:
        return
    for field in dataclasses.fields(allocators):
        allocator = getattr(allocators, field.name)
        if hasattr(allocator, "interval_tree"):
            yield _addresses(field.name, allocator)
        else:
            yield _numbers(field.name, allocator)


def _numbers(name: str, allocator: Any) -> AllocatorView:
    return AllocatorView(
        name=name,
        space=RangeView(allocator.range_base, allocator.range_end),
        next=allocator.next_id,
        freed=tuple(allocator.freed_ids),
    )


def _addresses(name: str, allocator: Any) -> AllocatorView:
    root = allocator.interval_tree.root
    nodes = list(_in_order(root))
    return AllocatorView(
        name=name,
        space=RangeView(allocator.address_space.start, allocator.address_space.end),
        allocated=tuple(
            RangeView(node.key.start, node.key.end)
            for node in nodes
            if node.node_state.value == _ALLOCATED
        ),
        tree_height=root.height if root else 0,
    )


def _in_order(root: Any) -> Iterator[Any]:
    """The nodes of a binary tree, lower ones first. A tree may be as deep as it has nodes."""
    left_open: list[Any] = []
    node = root
    while left_open or node is not None:
        while node is not None:
            left_open.append(node)
            node = node.left
        node = left_open.pop()
        yield node
        node = node.right
