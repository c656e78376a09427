"""Backtraces by frame records: what they are made of, and that nothing in memory breaks them."""

from __future__ import annotations

import struct

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.machine.postmortem import Frame, backtrace, strip_pac
from emu.machine.postmortem.backtrace import FRAMES_MAX

TCR_48_BITS = 16 << 16 | 16
KERNEL = 0xFFFF_8000_8000_0000
PAC = 0x00A5_0000_0000_0000
"""A code in the bits above a 48-bit address, with bit 55 set."""
WORDS = st.integers(0, (1 << 64) - 1)


class Memory:
    """Words by address; nothing can be read elsewhere."""

    def __init__(self, words: dict[int, int]) -> None:
        self.words = words

    def __call__(self, address: int, size: int) -> bytes | None:
        places = range(address, address + size, 8)
        if any(place not in self.words for place in places):
            return None
        return b"".join(struct.pack("<Q", self.words[place]) for place in places)


def records(*records: tuple[int, int, int]) -> Memory:
    """Frame records: address, the caller's X29, return address."""
    return Memory({at + 8 * n: word for at, *pair in records for n, word in enumerate(pair)})


def addresses(frames: list[Frame]) -> list[tuple[int, str]]:
    return [(frame.address, frame.source) for frame in frames]


def test_a_chain_is_followed_to_its_zero() -> None:
    memory = records((0x1000, 0x1100, 0xA0), (0x1100, 0x1200, 0xB0), (0x1200, 0, 0xC0))
    frames = backtrace(0x50, 0x1000, 0xA0, TCR_48_BITS, memory)
    assert addresses(frames) == [
        (0x50, "pc"), (0xA0, "frame"), (0xB0, "frame"), (0xC0, "frame")
    ]  # fmt: skip


def test_the_link_register_of_a_leaf_is_a_frame_of_its_own() -> None:
    """A leaf has no record; elsewhere X30 says what the first record does, or is stale."""
    memory = records((0x1000, 0, 0xB0))
    assert addresses(backtrace(0x50, 0x1000, 0xA0, TCR_48_BITS, memory)) == [
        (0x50, "pc"), (0xA0, "x30"), (0xB0, "frame")
    ]  # fmt: skip
    assert addresses(backtrace(0x50, 0, 0, TCR_48_BITS, memory)) == [(0x50, "pc")]


@pytest.mark.parametrize(
    ("x29", "memory"),
    [
        (0, records()),
        (0x1000, records()),
        (0x1004, records((0x1004, 0, 1))),
        (0x1000, Memory({0x1000: 0x2000})),
        (0x1000, records((0x1000, 0x2000, 0))),
    ],
    ids=["zero", "unmapped", "misaligned", "half mapped", "no return address"],
)
def test_a_chain_ends_at_what_makes_no_sense(x29: int, memory: Memory) -> None:
    assert addresses(backtrace(0x50, x29, 0, TCR_48_BITS, memory)) == [(0x50, "pc")]


def test_a_chain_that_bites_its_tail_ends() -> None:
    memory = records((0x1000, 0x1100, 0xA0), (0x1100, 0x1000, 0xB0))
    assert len(backtrace(0x50, 0x1000, 0, TCR_48_BITS, memory)) == 3


def test_a_chain_has_an_end() -> None:
    memory = records(*((0x1000 + 16 * n, 0x1010 + 16 * n, n + 1) for n in range(1000)))
    assert len(backtrace(0x50, 0x1000, 0, TCR_48_BITS, memory)) == 1 + FRAMES_MAX


def test_authentication_codes_are_stripped() -> None:
    """From return addresses and frame pointers; those of the lower half as well."""
    memory = records((KERNEL, 0, (KERNEL + 0x40) ^ 0xFF5A_0000_0000_0000 | 1 << 55))
    frames = backtrace(KERNEL, KERNEL & ~(0xFF << 56), 0, TCR_48_BITS, memory)
    assert addresses(frames)[1:] == [(KERNEL + 0x40, "frame")]


@pytest.mark.parametrize(
    ("address", "tcr", "stripped"),
    [
        (PAC | 0x8000_8001_0000, TCR_48_BITS, 0xFFFF_8000_8001_0000),
        (0x0025_0000_8001_0000, TCR_48_BITS, 0x8001_0000),
        (0xFF00_00FF_8001_0000, 25 << 16 | 25, 0x7F_8001_0000),
        (0x8001_0000, 0, 0x8001_0000),
        (0x1234_5678_8001_0000, 0, 0x5678_8001_0000),
    ],
)
def test_the_size_of_the_address_space_says_what_is_a_code(
    address: int, tcr: int, stripped: int
) -> None:
    assert strip_pac(address, tcr) == stripped


@given(WORDS, WORDS, WORDS, WORDS, st.dictionaries(st.integers(0, 64).map(lambda n: n * 8), WORDS))
def test_no_memory_and_no_register_breaks_it(
    pc: int, x29: int, x30: int, tcr: int, words: dict[int, int]
) -> None:
    frames = backtrace(pc, x29 % 520, x30, tcr, Memory(words))
    assert frames[0] == Frame(pc, "pc")
    assert len(frames) <= 2 + FRAMES_MAX
    assert all(0 <= frame.address < 1 << 64 for frame in frames)
