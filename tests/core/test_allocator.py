"""Handing out GSIs and system memory."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.allocator import AddressAllocator, GsiAllocator
from emu.errors import BoardError

GOLDEN = Path(__file__).parents[1] / "golden" / "vm-allocator-0.1.4" / "ids.jsonl"
IDS = [json.loads(line) for line in GOLDEN.read_text("utf-8").splitlines()]

BASE, SIZE_BYTES = 0x8000_0000, 0x20_0000
ALIGNMENTS = st.sampled_from([1, 2, 8, 16, 0x1000])


@given(st.integers(0, 96), st.integers(0, 100))
def test_gsis_come_lowest_first_until_there_are_none(first: int, count: int) -> None:
    gsis = range(first, first + count)
    allocator = GsiAllocator(gsis)
    assert [allocator.allocate() for _ in gsis] == list(gsis)
    with pytest.raises(BoardError, match="all GSIs of this board are taken"):
        allocator.allocate()


def gsi(allocator: GsiAllocator, operation: str, *number: int) -> int | None:
    """What the crate gives for an operation; None for a refusal."""
    with suppress(BoardError):
        if operation == "take":
            return allocator.allocate()
        allocator.free(*number)
        return number[0]
    return None


@pytest.mark.parametrize("history", IDS, ids=lambda history: len(history["operations"]))
def test_gsis_are_handed_out_as_the_crate_does(history: dict[str, Any]) -> None:
    """Numbers that were given back come first; what is saved is what the crate saves."""
    allocator = GsiAllocator(range(history["base"], history["end"] + 1))
    assert [gsi(allocator, *operation) for operation in history["operations"]] == history["ids"]
    saved = history["allocator"]
    assert (allocator.following, allocator.freed) == (saved["next_id"], saved["freed_ids"])


def test_the_golden_histories_have_refusals_and_numbers_that_are_free_again() -> None:
    done = [
        (operation[0], gsi is None)
        for history in IDS
        for operation, gsi in zip(history["operations"], history["ids"], strict=True)
    ]
    assert set(done) == {("take", True), ("take", False), ("give", True), ("give", False)}
    assert any(len(history["allocator"]["freed_ids"]) > 1 for history in IDS)


@given(st.lists(st.integers(30, 45)))
def test_gsis_taken_by_number_leave_the_others(taken: list[int]) -> None:
    """In any order; one that is taken, or that there is not, is refused."""
    allocator = GsiAllocator(range(32, 40))
    expected = set(allocator.gsis)
    for number in taken:
        if number in expected:
            allocator.allocate_at(number)
            expected.remove(number)
        else:
            with pytest.raises(BoardError, match=f"GSI {number} is not free in 32 to 39"):
                allocator.allocate_at(number)
    assert [allocator.allocate() for _ in expected] == sorted(expected)


def test_the_last_match_is_where_firecracker_puts_vmgenid_and_vmclock() -> None:
    """16 bytes aligned to 8, then a page, from the end of the 2 MiB of system memory."""
    allocator = AddressAllocator(BASE, SIZE_BYTES)
    assert allocator.allocate_last(16, 8) == 0x801F_FFF0
    assert allocator.allocate_last(0x1000, 0x1000) == 0x801F_E000


def test_the_last_match_fills_a_gap_above_what_is_taken() -> None:
    allocator = AddressAllocator(BASE, SIZE_BYTES)
    allocator.allocate_at(0x801F_F000, 16)
    assert allocator.allocate_last(0xFF0, 8) == 0x801F_F010
    assert allocator.allocate_last(16, 8) == 0x801F_EFF0


@given(st.lists(st.tuples(st.integers(1, 0x8_0000), ALIGNMENTS), max_size=12))
def test_allocations_are_aligned_inside_and_apart(requests: list[tuple[int, int]]) -> None:
    allocator = AddressAllocator(BASE, SIZE_BYTES)
    taken: list[range] = []
    for size_bytes, alignment in requests:
        try:
            address = allocator.allocate_last(size_bytes, alignment)
        except BoardError:
            continue
        assert address % alignment == 0
        assert BASE <= address <= BASE + SIZE_BYTES - size_bytes
        assert not any(address < r.stop and r.start < address + size_bytes for r in taken)
        taken.append(range(address, address + size_bytes))


def test_memory_runs_out() -> None:
    allocator = AddressAllocator(BASE, 32)
    assert [allocator.allocate_last(16, 8) for _ in range(2)] == [BASE + 16, BASE]
    with pytest.raises(BoardError, match="no 1 free bytes"):
        allocator.allocate_last(1, 1)


@pytest.mark.parametrize(
    ("address", "size_bytes"),
    [(BASE + 0x100, 1), (BASE + 0xFF, 2), (BASE + 0x10F, 1), (BASE - 8, 8), (BASE + 0xFFF, 2)],
)
def test_only_free_memory_can_be_taken_by_address(address: int, size_bytes: int) -> None:
    allocator = AddressAllocator(BASE, 0x1000)
    allocator.allocate_at(BASE + 0x100, 16)
    with pytest.raises(BoardError, match=f"{address:#x} are not free"):
        allocator.allocate_at(address, size_bytes)


def test_neighbours_of_what_is_taken_are_free() -> None:
    allocator = AddressAllocator(BASE, 0x1000)
    allocator.allocate_at(BASE + 0x100, 16)
    allocator.allocate_at(BASE + 0xFF, 1)
    allocator.allocate_at(BASE + 0x110, 1)


def test_the_first_match_fills_slots_from_below() -> None:
    """As Firecracker does with the windows of its devices."""
    allocator = AddressAllocator(0x4000_3000, 0x1_0000)
    windows = [allocator.allocate_first(0x1000, 0x1000) for _ in range(3)]
    assert windows == [0x4000_3000, 0x4000_4000, 0x4000_5000]
    allocator.free(0x4000_4000)
    assert allocator.allocate_first(0x1000, 0x1000) == 0x4000_4000


@pytest.mark.parametrize("address", [BASE, BASE + 8, BASE + 0x100, BASE - 1])
def test_only_what_was_taken_can_be_given_back(address: int) -> None:
    allocator = AddressAllocator(BASE, 0x1000)
    allocator.allocate_at(BASE + 4, 8)
    with pytest.raises(BoardError, match=f"begins at {address:#x}"):
        allocator.free(address)


def test_an_empty_space_has_nothing_to_hand_out() -> None:
    allocator = AddressAllocator()
    for take in (allocator.allocate_first, allocator.allocate_last):
        with pytest.raises(BoardError, match="no 1 free bytes"):
            take(1, 1)
    with pytest.raises(BoardError, match="are not free"):
        allocator.allocate_at(0, 1)
