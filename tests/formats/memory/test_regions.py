"""Addresses and offsets of a memory file are one to one, and bad layouts are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import MemoryFileError
from emu.formats.memory.extents import Extent
from emu.formats.memory.regions import Layout, Region, Span

TWO = Layout((Region(0x8000_0000, 0x1000), Region(0x80_0000_0000, 0x2000)))
TOUCHING = Layout((Region(0x2000, 0x1000), Region(0x1000, 0x1000)))


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    """One to four regions with gaps or without, in any order."""
    address, regions = 0, []
    for gap, size in draw(
        st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=4)
    ):
        regions.append(Region(address + gap, size))
        address += gap + size
    return Layout(tuple(draw(st.permutations(regions))))


def addresses(layout: Layout) -> list[int]:
    """The address of every byte of the file, in its order."""
    return [a for r in layout.regions for a in range(r.base_address, r.end_address)]


@given(layouts(), st.data())
def test_the_spans_of_an_extent_have_the_address_of_each_byte(
    layout: Layout, data: st.DataObject
) -> None:
    known = addresses(layout)
    offset = data.draw(st.integers(0, len(known) + 3))
    extent = Extent(offset, data.draw(st.integers(0, len(known) + 5 - offset)))
    found: list[int | None] = []
    for span in layout.spans(extent):
        assert span.offset == offset + len(found)
        if span.address is None:
            found += [None] * span.size_bytes
        else:
            found += range(span.address, span.address + span.size_bytes)
    assert found == [known[o] if o < len(known) else None for o in range(offset, extent.end)]


@given(layouts(), st.integers(0, 60), st.integers(0, 20))
def test_a_range_of_addresses_is_where_the_file_has_them_or_an_error(
    layout: Layout, address: int, size: int
) -> None:
    known = addresses(layout)
    wanted = range(address, address + size)
    if set(wanted) <= set(known):
        found = [o for e in layout.extents(address, size) for o in range(e.offset, e.end)]
        assert [known[o] for o in found] == list(wanted)
    else:
        with pytest.raises(MemoryFileError, match="is not RAM, which is 0x"):
            list(layout.extents(address, size))


def test_regions_follow_one_another_in_the_order_of_the_state_file() -> None:
    assert TWO.size_bytes == 0x3000
    assert list(TWO.spans(Extent(0xFFF, 2))) == [
        Span(0x8000_0FFF, 0xFFF, 1),
        Span(0x80_0000_0000, 0x1000, 1),
    ]
    assert list(TOUCHING.extents(0x1FFF, 2)) == [Extent(0x1FFF, 1), Extent(0, 1)]


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ([], "no memory region"),
        ([Region(0x1000, 0)], "is empty"),
        ([Region(0, -1)], "is empty"),
        ([Region(-1, 4)], "nowhere"),
        ([Region((1 << 64) - 1, 2)], "ends above 2\\^64"),
        ([Region(8, 8), Region(0, 9)], "overlap: 0x0 to 0x8 and 0x8 to 0xf"),
        ([Region(0, 1 << 63)], "no file can be as large"),
    ],
)
def test_a_layout_that_no_memory_file_has_is_refused(regions: list[Region], message: str) -> None:
    with pytest.raises(MemoryFileError, match=message):
        Layout(tuple(regions))


def test_a_region_may_end_with_the_address_space() -> None:
    assert Layout((Region((1 << 64) - 2, 2),)).size_bytes == 2


def test_a_file_must_hold_all_regions_and_may_be_longer_unless_it_must_be_exact() -> None:
    TWO.check_size("vm.mem", 0x3000, exact=True)
    TWO.check_size("vm.mem", 0x3001)
    with pytest.raises(MemoryFileError, match=r"vm\.mem has 12,287 bytes.*12,288.*cut short"):
        TWO.check_size("vm.mem", 0x2FFF)
    with pytest.raises(MemoryFileError, match="another snapshot"):
        TWO.check_size("vm.mem", 0x3001, exact=True)
