"""Finding data and writing holes, against a list of pages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import MemoryFileError
from emu.formats.memory.extents import Extent
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.sparse import (
    CHUNK_BYTES,
    Method,
    best_method,
    copy_extents,
    data_extents,
    write_sparse,
)
from tests.formats.memory.disk import (
    HUGE_BYTES,
    PAGE,
    PAGES,
    Disk,
    Pages,
    Reads,
    contents,
    parts,
    runs,
    stored,
)


def extents(path: Path, method: Method | None) -> list[Extent]:
    with MemoryFile(path) as file:
        return list(data_extents(file, method))


@given(PAGES)
def test_the_file_system_tells_a_page_of_zeros_from_a_hole(sparse_disk: Disk, pages: Pages) -> None:
    path = sparse_disk.file("a", pages)
    assert extents(path, "seek") == runs([fill is not None for fill in pages])
    assert extents(path, None) == extents(path, "seek")


@pytest.mark.parametrize("seek", [True, False])
@given(PAGES)
def test_a_scan_takes_a_page_of_zeros_for_a_hole_on_every_system(
    disk: Disk, seek: bool, pages: Pages
) -> None:
    path = disk.file("a", pages)
    with pytest.MonkeyPatch.context() as patch:
        if not seek:
            patch.delattr(os, "SEEK_DATA", raising=False)
        assert extents(path, "scan") == runs([bool(fill) for fill in pages])


@given(st.lists(st.integers(0, 5 * PAGE - 1), max_size=4), st.integers(1, PAGE))
def test_a_scan_finds_each_byte_that_is_not_zero(
    disk: Disk, offsets: list[int], last_page: int
) -> None:
    """In files that end within a page, too."""
    size = 4 * PAGE + last_page
    inside = [offset for offset in offsets if offset < size]
    path = disk.raw("a", size, [(offset, b"\1") for offset in inside])
    found = extents(path, "scan")
    assert {o for o in inside if any(e.offset <= o < e.end for e in found)} == set(inside)
    assert {e.offset % PAGE for e in found} <= {0}
    assert all(e.end % PAGE == 0 or e.end == size for e in found)


def test_data_is_found_across_the_chunks_of_a_scan(disk: Disk) -> None:
    path = disk.raw("a", 3 * CHUNK_BYTES, [(CHUNK_BYTES - 1, b"xx"), (3 * CHUNK_BYTES - 1, b"x")])
    assert extents(path, "scan") == [
        Extent(CHUNK_BYTES - PAGE, 2 * PAGE),
        Extent(3 * CHUNK_BYTES - PAGE, PAGE),
    ]


def test_without_seeks_the_best_method_is_to_scan_and_seeking_is_refused(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "SEEK_DATA", raising=False)
    with MemoryFile(disk.file("a", [0, 1])) as file:
        assert best_method(file) == "scan"
        assert list(data_extents(file)) == [Extent(PAGE, PAGE)]
        with pytest.raises(MemoryFileError, match=r"does not say where the holes.*or scan it"):
            data_extents(file, "seek")


@pytest.mark.usefixtures("any_system")
def test_an_empty_file_has_no_data(disk: Disk) -> None:
    assert extents(disk.raw("a", 0, []), None) == []


@pytest.mark.parametrize("method", ["seek", "scan"])
def test_holes_beyond_4_gib_are_not_read(huge_disk: Disk, reads: Reads, method: Method) -> None:
    where = (0, (4 << 30) + PAGE, HUGE_BYTES - PAGE)
    path = huge_disk.raw("huge", HUGE_BYTES, [(offset, b"x" * PAGE) for offset in where])
    found = extents(path, method)
    assert all(any(e.offset <= o < e.end for e in found) for o in where)
    assert reads.size_bytes <= (0 if method == "seek" else 3 * 64 * 1024)


@given(PAGES)
def test_a_copy_of_the_extents_is_a_copy_of_the_file(disk: Disk, pages: Pages) -> None:
    target = disk.folder / "copy"
    done: list[int] = []
    with MemoryFile(disk.file("a", pages)) as source, target.open("wb") as file:
        file.truncate(source.size_bytes)
        copied = copy_extents(source, file, data_extents(source), done.append)
    assert target.read_bytes() == contents(pages)
    assert sum(done) == len(pages) * PAGE
    with MemoryFile(disk.folder / "a") as source:
        assert copied == list(data_extents(source))


@given(PAGES)
def test_a_diff_is_written_with_its_pages_and_holes_between(disk: Disk, pages: Pages) -> None:
    path = disk.folder / "diff"
    write_sparse(path, len(pages) * PAGE, reversed(parts(pages)))
    assert path.read_bytes() == contents(pages)


def test_a_diff_keeps_the_pages_of_zeros_that_were_given(sparse_disk: Disk) -> None:
    path = sparse_disk.folder / "diff"
    write_sparse(path, 6 * PAGE, [(PAGE, bytes(PAGE)), (4 * PAGE, bytearray(PAGE))])
    assert stored(path) == [Extent(PAGE, PAGE), Extent(4 * PAGE, PAGE)]


@pytest.mark.parametrize("offset", [-1, 4095, 4097, 1 << 40])
def test_a_part_outside_the_file_leaves_nothing(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "diff"
    path.write_bytes(b"old")
    with pytest.raises(MemoryFileError, match="do not fit into a memory file of 4,096 bytes"):
        write_sparse(path, PAGE, [(0, b"first"), (offset, b"ab")])
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
