"""The tree of free and taken ranges, against the crate whose shape it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.allocator import AddressAllocator
from emu.core.allocator_state import tree_to_data
from emu.core.interval_tree import Node, find, merge, nodes, split
from emu.errors import BoardError

GOLDEN = Path(__file__).parents[1] / "golden" / "vm-allocator-0.1.4" / "allocations.jsonl"
SEQUENCES = [json.loads(line) for line in GOLDEN.read_text("utf-8").splitlines()]

BASE, SIZE_BYTES = 0x1000, 0x400


def apply(allocator: AddressAllocator, operation: str, first: int, second: int) -> int | None:
    """What the crate gives for an operation; None for a refusal, and for a free."""
    with suppress(BoardError):
        match operation:
            case "first":
                return allocator.allocate_first(first, second)
            case "last":
                return allocator.allocate_last(first, second)
            case "at":
                allocator.allocate_at(first, second)
                return first
            case "free":
                allocator.free(first)
    return None


@pytest.mark.parametrize("sequence", SEQUENCES, ids=lambda sequence: len(sequence["operations"]))
def test_addresses_and_shape_are_the_crates(sequence: dict[str, Any]) -> None:
    allocator = AddressAllocator(sequence["base"], sequence["size"])
    addresses = [apply(allocator, *operation) for operation in sequence["operations"]]
    assert addresses == sequence["addresses"]
    assert tree_to_data(allocator.tree) == sequence["allocator"]["interval_tree"]["root"]


def test_the_golden_sequences_have_every_operation_and_refusals() -> None:
    done = {operation[0] for sequence in SEQUENCES for operation in sequence["operations"]}
    assert done == {"first", "last", "at", "free"}
    refused = [
        operation
        for sequence in SEQUENCES
        for operation, address in zip(sequence["operations"], sequence["addresses"], strict=True)
        if operation[0] != "free" and address is None
    ]
    assert refused


# --- what holds for every tree -----------------------------------------------------------------


@st.composite
def trees(draw: st.DrawFn) -> Node:
    """What some operations leave of a small address space."""
    allocator = AddressAllocator(BASE, SIZE_BYTES)
    for _ in range(draw(st.integers(0, 30))):
        taken = [node.first for node in nodes(allocator.tree) if node.allocated]
        if draw(st.booleans()) and taken:
            allocator.free(draw(st.sampled_from(taken)))
            continue
        policy = draw(st.sampled_from([allocator.allocate_first, allocator.allocate_last]))
        with suppress(BoardError):
            policy(draw(st.integers(1, 64)), draw(st.sampled_from([1, 4, 16, 64])))
    assert allocator.tree is not None
    return allocator.tree


def subtrees(tree: Node | None) -> Iterator[Node]:
    if tree is not None:
        yield tree
        yield from subtrees(tree.left)
        yield from subtrees(tree.right)


@given(trees())
def test_the_ranges_are_the_whole_address_space_in_order(tree: Node) -> None:
    ranges = list(nodes(tree))
    assert ranges[0].first == BASE
    assert ranges[-1].last == BASE + SIZE_BYTES - 1
    assert all(below.last + 1 == above.first for below, above in pairwise(ranges))


@given(trees())
def test_it_is_balanced_and_knows_its_heights(tree: Node) -> None:
    for node in subtrees(tree):
        left, right = (child.height if child else 0 for child in (node.left, node.right))
        assert node.height == max(left, right) + 1
        assert abs(left - right) <= 1


@given(trees(), st.integers(BASE, BASE + SIZE_BYTES - 1))
def test_every_address_is_found_in_its_range(tree: Node, address: int) -> None:
    node = find(tree, address, address)
    assert node is not None
    assert node.first <= address <= node.last


@given(trees())
def test_what_is_given_back_is_free_as_before(tree: Node) -> None:
    """Taking the middle of a free range and giving it back leaves the same ranges."""
    for node in nodes(tree):
        if not node.allocated and node.size_bytes >= 6:
            taken = split(tree, node.first + 2, node.last - 2)
            back = merge(taken, node.first + 2, node.last - 2)
            assert [n.first for n in nodes(back)] == [n.first for n in nodes(tree)]


def test_a_free_neighbour_of_one_address_stays_apart() -> None:
    """As in the crate, which looks for a neighbour that has two."""
    tree = split(Node(0x10, 0x1F), 0x11, 0x1F)
    assert [(node.first, node.allocated) for node in nodes(merge(tree, 0x11, 0x1F))] == [
        (0x10, False),
        (0x11, False),
    ]
