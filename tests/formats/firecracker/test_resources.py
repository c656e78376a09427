"""Allocators made anew: they have given out what they should, and go on as the crate's do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.allocator import AddressAllocator as HandOut
from emu.errors import IncompatibleError
from emu.formats.firecracker.resources import (
    Span,
    address_allocator,
    allocate_id,
    allocate_last,
    allocated,
    id_allocator,
)
from emu.formats.firecracker.v1_13_resources import IdAllocator, InnerNode

SPACE = Span(0x1000, 0x1FFF)
SIZES = st.lists(
    st.tuples(st.sampled_from([1, 8, 16, 64, 256]), st.sampled_from([1, 8, 64])), max_size=12
)


def height(node: InnerNode | None) -> int:
    """The height of a tree; every node's own must be right, and its sides nearly as high."""
    if node is None:
        return 0
    left, right = height(node.left), height(node.right)
    assert node.height == 1 + max(left, right)
    assert abs(left - right) <= 1
    return node.height


def in_order(node: InnerNode | None) -> list[InnerNode]:
    return [*in_order(node.left), node, *in_order(node.right)] if node else []


@given(SIZES)
def test_addresses_are_those_that_vm_allocator_hands_out(requests: list[tuple[int, int]]) -> None:
    """The last match, one request after the other."""
    reference = HandOut(SPACE.first, SPACE.last - SPACE.first + 1)
    allocator = address_allocator(SPACE, [])
    for size_bytes, alignment_bytes in requests:
        address, allocator = allocate_last(allocator, size_bytes, alignment_bytes)
        assert address == reference.allocate_last(size_bytes, alignment_bytes)


@given(st.sets(st.integers(0, 63), max_size=30))
def test_a_tree_covers_its_space_and_is_balanced(pages: set[int]) -> None:
    """Free neighbours are one range; what is given out stays apart."""
    taken = [Span(SPACE.first + 64 * page, SPACE.first + 64 * page + 63) for page in pages]
    allocator = address_allocator(SPACE, taken)
    assert list(allocated(allocator)) == sorted(taken)
    nodes = in_order(allocator.interval_tree.root)
    height(allocator.interval_tree.root)
    assert (nodes[0].key.start, nodes[-1].key.end) == SPACE
    for left, right in pairwise(nodes):
        assert left.key.end + 1 == right.key.start
        assert "Allocated" in (left.node_state.value, right.node_state.value)


def test_ranges_outside_or_over_others_are_left_out() -> None:
    inside = Span(0x1100, 0x11FF)
    taken = [Span(0, 0x1010), inside, Span(0x1180, 0x1280), Span(0x1F00, 0x2000)]
    assert list(allocated(address_allocator(SPACE, taken))) == [inside]


def test_there_may_be_no_room() -> None:
    allocator = address_allocator(SPACE, [Span(0x1000, 0x1FF8)])
    with pytest.raises(IncompatibleError, match=r"no 16 bytes are free from 0x1000 to 0x1fff"):
        allocate_last(allocator, 16, 8)


@given(st.sets(st.integers(10, 20)))
def test_numbers_are_handed_out_as_far_as_there_are_any(taken: set[int]) -> None:
    """Those that were given back come first; none comes twice."""
    allocator = id_allocator(Span(10, 20), taken)
    free = set(range(10, 21)) - taken
    given_out = []
    for _ in free:
        number, allocator = allocate_id(allocator)
        given_out.append(number)
    assert given_out == sorted(free)
    with pytest.raises(IncompatibleError, match="all interrupts from 10 to 20 are taken"):
        allocate_id(allocator)


def test_numbers_end_with_the_last_that_fits() -> None:
    with pytest.raises(IncompatibleError, match="taken"):
        allocate_id(IdAllocator(0, None, (1 << 32) - 1, []))
