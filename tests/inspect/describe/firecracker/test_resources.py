"""Allocators: what is handed out, out of lists and trees of any shape."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emu.formats.firecracker.v1_13_resources import (
    AddressAllocator,
    IdAllocator,
    InnerNode,
    IntervalTree,
    NodeState,
    RangeInclusive,
    ResourceAllocator,
)
from emu.inspect.describe.firecracker.resources import allocator_views
from emu.inspect.describe.views.state import AllocatorView, RangeView


def node(start: int, *, allocated: bool = True, **links: InnerNode) -> InnerNode:
    state = NodeState.Allocated if allocated else NodeState.Free
    below = max((link.height for link in links.values()), default=0)
    sides = (links.get("left"), links.get("right"))
    return InnerNode(RangeInclusive(start, start + 9), state, *sides, below + 1)


def views(root: InnerNode | None, next_id: int | None = 5) -> tuple[AllocatorView, AllocatorView]:
    """The views of an allocator of numbers and of one of addresses."""
    numbers = IdAllocator(0, next_id, 95, [1, 3])
    addresses = AddressAllocator(RangeInclusive(0, 999), IntervalTree(root))
    all_views = allocator_views(
        ResourceAllocator(numbers, numbers, addresses, addresses, addresses)
    )
    first, second, third, *_ = all_views
    assert (first.name, second.name, third.name) == (
        "gsi_legacy_allocator",
        "gsi_msi_allocator",
        "mmio32_memory",
    )
    return first, third


def test_numbers_that_are_left_and_that_came_back() -> None:
    numbers, _ = views(None)
    assert (numbers.space, numbers.next, numbers.freed) == (RangeView(0, 95), 5, (1, 3))
    assert numbers.tree_height is None


def test_only_allocated_ranges_are_listed_in_rising_order() -> None:
    root = node(50, allocated=False, left=node(10, right=node(20)), right=node(70))
    _, addresses = views(root)
    assert addresses.allocated == (RangeView(10, 19), RangeView(20, 29), RangeView(70, 79))
    assert addresses.tree_height == 3


def test_an_empty_tree_has_no_height() -> None:
    _, addresses = views(None)
    assert (addresses.allocated, addresses.tree_height) == ((), 0)


@given(st.lists(st.booleans(), max_size=40), st.sampled_from(["left", "right"]))
def test_a_tree_that_leans_to_one_side_is_walked_in_order(flags: list[bool], side: str) -> None:
    root = node(1000)
    for index, allocated in enumerate(flags, start=1):
        start = 1000 + 10 * index * (1 if side == "left" else -1)
        root = node(start, allocated=allocated, **{side: root})
    _, addresses = views(root)
    starts = [span.first for span in addresses.allocated]
    assert starts == sorted(starts)
    assert len(starts) == 1 + sum(flags)


def test_a_tree_may_be_deeper_than_the_stack() -> None:
    root = node(0)
    for index in range(1, 20_000):
        root = node(10 * index, left=root)
    _, addresses = views(root)
    assert len(addresses.allocated) == 20_000


def test_releases_without_allocators_show_none() -> None:
    assert list(allocator_views(None)) == []
