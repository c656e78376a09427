"""What is said of a memory file."""

from __future__ import annotations

import pytest
from hypothesis import given

from emu.formats.memory.extents import Extent
from emu.formats.memory.survey import PAGE_SIZES_BYTES, survey
from tests.formats.memory.disk import HUGE_BYTES, PAGE, PAGES, Disk, Pages, Reads, runs


@given(PAGES)
def test_a_survey_counts_the_pages_that_are_no_holes(sparse_disk: Disk, pages: Pages) -> None:
    done: list[int] = []
    view = survey(sparse_disk.file("a", pages), done.append)
    written = {n * PAGE for n, fill in enumerate(pages) if fill is not None}
    assert (view.method, view.size_bytes, sum(done)) == ("seek", len(pages) * PAGE, view.size_bytes)
    assert list(view.extents) == runs(fill is not None for fill in pages)
    assert view.data_bytes == len(written) * PAGE
    assert [p.page_size_bytes for p in view.pages] == list(PAGE_SIZES_BYTES)
    for page in view.pages:
        assert page.data_pages == len({offset // page.page_size_bytes for offset in written})
        assert page.pages == -(-view.size_bytes // page.page_size_bytes)


@pytest.mark.parametrize(
    ("pages", "aligned"),
    [
        ([None] * 4 + [1] * 4 + [None] * 4, [True, True, False]),
        ([None] * 3 + [1], [True, False, False]),
        ([1, None, None, None], [True, False, False]),
        ([1] * 5, [True, True, True]),  # an end of the file is an end of a page
        ([None] * 8, [True, True, True]),
    ],
)
def test_pages_are_aligned_if_every_extent_is(
    sparse_disk: Disk, pages: Pages, aligned: list[bool]
) -> None:
    view = survey(sparse_disk.file("a", pages))
    assert [page.aligned for page in view.pages] == aligned


def test_holes_beyond_4_gib_are_not_read(huge_disk: Disk, reads: Reads) -> None:
    view = survey(huge_disk.raw("huge", HUGE_BYTES, [(HUGE_BYTES - 1, b"x")]))
    assert view.pages[-1].data_pages == 1
    assert view.data_bytes <= 64 * 1024
    assert reads.size_bytes == 0


def test_without_seeks_blocks_of_zeros_are_left_out(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.SEEK_DATA", raising=False)
    view = survey(disk.file("a", [0, 1, None]))
    assert (view.method, view.extents) == ("scan", (Extent(PAGE, PAGE),))
