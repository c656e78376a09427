"""Differing pages against a comparison byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import MemoryFileError
from emu.formats.memory.compare import differing_pages
from emu.formats.memory.extents import Extent, merged
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.sparse import CHUNK_BYTES
from tests.formats.memory.disk import HUGE_BYTES, PAGE, Disk, Pages, Reads, contents, layers


def differing(a: Path, b: Path, page: int = PAGE) -> tuple[list[Extent], int]:
    """The runs, and the sum of all progress."""
    done: list[int] = []
    with MemoryFile(a) as file_a, MemoryFile(b) as file_b:
        return list(differing_pages(file_a, file_b, page, done.append)), sum(done)


def model(a: bytes, b: bytes, page: int) -> list[Extent]:
    pages = [Extent(o, min(page, len(a) - o)) for o in range(0, len(a), page)]
    return list(merged(e for e in pages if a[e.offset : e.end] != b[e.offset : e.end]))


@pytest.mark.usefixtures("any_system")
@pytest.mark.parametrize("page", [1000, PAGE, 3 * PAGE, 1 << 21])
def test_runs_are_the_pages_that_differ(disk: Disk, page: int) -> None:
    """Whatever the page size; the last page may be a part of one."""

    @given(layers(2))
    def check(pages: list[Pages]) -> None:
        a, b = (disk.file(name, one) for name, one in zip("ab", pages, strict=True))
        old, new = map(contents, pages)
        assert differing(a, b, page) == (model(old, new, page), len(old))

    check()


@pytest.mark.parametrize("page", [PAGE, 3 * PAGE])
@given(st.integers(-3 * PAGE, 3 * PAGE))
def test_one_byte_makes_one_page_differ(disk: Disk, page: int, distance: int) -> None:
    """Also where one chunk of what is read ends and the next begins, and against a hole."""
    offset = CHUNK_BYTES + distance
    a = disk.raw("a", 2 * CHUNK_BYTES, [])
    b = disk.raw("b", 2 * CHUNK_BYTES, [(offset, b"\1")])
    assert differing(a, b, page)[0] == [Extent(offset // page * page, page)]


def test_a_hole_equals_zeros(disk: Disk) -> None:
    assert differing(disk.file("a", [None, 0]), disk.file("b", [0, None]))[0] == []


def test_what_is_a_hole_in_both_files_is_not_read(huge_disk: Disk, reads: Reads) -> None:
    far = (4 << 30) + PAGE
    a = huge_disk.raw("a", HUGE_BYTES, [(0, b"same"), (far, b"old")])
    b = huge_disk.raw("b", HUGE_BYTES, [(0, b"same"), (far, b"new")])
    assert differing(a, b) == ([Extent(far, PAGE)], HUGE_BYTES)
    assert reads.size_bytes <= 2 * 2 * 64 * 1024


def test_files_of_two_sizes_are_not_compared(disk: Disk) -> None:
    with pytest.raises(MemoryFileError, match=r"4,096 bytes.*8,192; only memory files of one size"):
        differing(disk.file("a", [1]), disk.file("b", [1, 1]))


@pytest.mark.parametrize("page", [0, -4096])
def test_a_page_has_at_least_one_byte(disk: Disk, page: int) -> None:
    with pytest.raises(MemoryFileError, match="expected 1 or more"):
        differing(disk.file("a", [1]), disk.file("b", [1]), page)
