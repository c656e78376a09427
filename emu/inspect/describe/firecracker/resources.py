"""What a Firecracker state hands out to devices: interrupt numbers and addresses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from emu.formats.firecracker.resources import allocated
from emu.inspect.describe.views.state import AllocatorView, RangeView


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
    return AllocatorView(
        name=name,
        space=RangeView(allocator.address_space.start, allocator.address_space.end),
        allocated=tuple(RangeView(*span) for span in allocated(allocator)),
        tree_height=root.height if root else 0,
    )
