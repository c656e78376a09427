"""What is handed out, and its record, are those of the crate `vm-allocator`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from emu.core.allocator import AddressAllocator, GsiAllocator
from emu.core.allocator_state import (
    addresses_from_data,
    addresses_to_data,
    gsis_from_data,
    gsis_to_data,
)
from emu.core.interval_tree import nodes
from emu.errors import BoardError
from tests.oracle.client import Oracle
from tests.oracle.definition import Json

BASE, SIZE_BYTES = 0x8000_0000, 0x4000
SIZES = [1, 16, 64, 100, 0x1000]
ALIGNMENTS = [1, 8, 64, 0x1000]


def address(allocator: AddressAllocator, action: dict[str, tuple[int, int]]) -> int | None:
    """What ours gives for an action."""
    ((name, (first, second)),) = action.items()
    with suppress(BoardError):
        match name:
            case "first":
                return allocator.allocate_first(first, second)
            case "last":
                return allocator.allocate_last(first, second)
            case _:
                allocator.free(first)
                return first
    return None


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, tuple[int, int]]]:
    """Actions, in which what is given back was taken."""
    allocator, done = AddressAllocator(BASE, SIZE_BYTES), []
    for _ in range(draw(st.integers(0, 40))):
        taken = [(node.first, node.last) for node in nodes(allocator.tree) if node.allocated]
        kinds = ["first", "last", *(["free"] * 2 if taken else [])]
        kind = draw(st.sampled_from(kinds))
        request = draw(st.sampled_from(SIZES)), draw(st.sampled_from(ALIGNMENTS))
        action = {kind: draw(st.sampled_from(taken)) if kind == "free" else request}
        address(allocator, action)
        done.append(action)
    return done


@given(histories())
def test_addresses_and_the_tree_are_the_crates(
    oracle: Oracle, history: list[dict[str, tuple[int, int]]]
) -> None:
    theirs = oracle.addresses(BASE, SIZE_BYTES, history)
    allocator = AddressAllocator(BASE, SIZE_BYTES)
    assert [address(allocator, action) for action in history] == theirs["results"]
    assert addresses_to_data(allocator) == theirs["allocator"]
    again = addresses_from_data(theirs["allocator"])
    assert again.tree == allocator.tree


def number(allocator: GsiAllocator, action: Any) -> int | None:
    """What ours gives for an action."""
    with suppress(BoardError):
        if action == "take":
            return allocator.allocate()
        allocator.free(action["give"])
        return int(action["give"])
    return None


@given(
    base=st.sampled_from([0, 32, 96]),
    count=st.integers(1, 12),
    drawn=st.lists(st.none() | st.integers(0, 13), max_size=60),
)
def test_numbers_and_their_record_are_the_crates(
    oracle: Oracle, base: int, count: int, drawn: list[int | None]
) -> None:
    actions: list[Json] = ["take" if n is None else {"give": base + n} for n in drawn]
    theirs = oracle.ids(base, base + count - 1, actions)
    allocator = GsiAllocator(range(base, base + count))
    assert [number(allocator, action) for action in actions] == theirs["results"]
    assert gsis_to_data(allocator) == theirs["allocator"]
    assert gsis_to_data(gsis_from_data(theirs["allocator"])) == theirs["allocator"]
