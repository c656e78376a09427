"""Which file systems can tell the holes of a memory file, and what is read of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emu.formats.memory.file import MemoryFile
from tests.formats.memory.disk import HUGE_BYTES, PAGE, Disk, Reads, first_data


@pytest.fixture(scope="session")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    """Any file system."""
    return Disk(tmp_path_factory.mktemp("memory"))


@pytest.fixture(scope="session")
def sparse_disk(disk: Disk) -> Disk:
    """A file system that keeps a hole of one page: ext4, XFS and tmpfs do; APFS and NTFS do not."""
    if first_data(disk.file("probe", [None, 1])) != PAGE:
        pytest.skip("this file system keeps no holes of 4 KiB, or does not tell them")
    return disk


@pytest.fixture(scope="session")
def huge_disk(disk: Disk) -> Disk:
    """A file system on which 5 GiB of hole take no room."""
    small = disk.raw("probe", PAGE, [])
    if first_data(small) is not None or first_data(disk.raw("probe", HUGE_BYTES, [])) is not None:
        pytest.skip("this file system keeps no holes, or does not tell them")
    return disk


@pytest.fixture(params=["seek", "no-seek"])
def any_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run on this system, and as on one that does not say where holes are."""
    if request.param == "no-seek":
        monkeypatch.delattr(os, "SEEK_DATA", raising=False)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Counts what is read from now on."""
    count = Reads()
    read = MemoryFile.read

    def counted(file: MemoryFile, offset: int, size_bytes: int) -> bytes:
        count.size_bytes += size_bytes
        return read(file, offset, size_bytes)

    monkeypatch.setattr(MemoryFile, "read", counted)
    return count


@pytest.fixture
def folder(tmp_path: Path) -> Disk:
    """An empty folder of this test alone."""
    return Disk(tmp_path)
