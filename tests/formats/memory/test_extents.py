"""Extents against sets of byte offsets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emu.formats.memory.extents import Extent, merged, page_count, pieces, whole_pages

EXTENT = st.builds(Extent, st.integers(0, 60), st.integers(1, 20))
EXTENTS = st.lists(EXTENT, max_size=8).map(sorted)


def offsets(*extents: Extent) -> set[int]:
    return {offset for extent in extents for offset in range(extent.offset, extent.end)}


@given(EXTENTS)
def test_merged_extents_have_the_same_bytes_and_gaps_between_them(extents: list[Extent]) -> None:
    result = list(merged(extents))
    assert offsets(*result) == offsets(*extents)
    assert all(a.end < b.offset for a, b in pairwise(result))


@given(EXTENT, st.integers(1, 9))
def test_pieces_are_the_extent_cut_at_multiples_of_the_step(extent: Extent, step: int) -> None:
    result = list(pieces(extent, step))
    assert [o for piece in result for o in range(piece.offset, piece.end)] == sorted(
        offsets(extent)
    )
    assert all(piece.end % step == 0 for piece in result[:-1])
    assert all(piece.offset // step == (piece.end - 1) // step for piece in result)


@given(EXTENTS, st.integers(1, 9))
def test_a_page_counts_once_however_many_extents_touch_it(extents: list[Extent], page: int) -> None:
    apart = list(merged(extents))
    assert page_count(apart, page) == len({offset // page for offset in offsets(*apart)})


@given(EXTENT, st.integers(1, 9))
def test_an_extent_of_whole_pages_is_the_pages_that_it_touches(extent: Extent, page: int) -> None:
    size = extent.end + 3
    touched = {offset // page for offset in offsets(extent)}
    assert offsets(whole_pages(extent, page, size)) == {
        o for o in range(size) if o // page in touched
    }
