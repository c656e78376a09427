"""Reading memory files, and refusing what is none."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from emu.errors import MemoryFileError
from emu.formats.memory.file import MemoryFile
from emu.formats.memory.regions import Layout, Region
from emu.formats.memory.sparse import best_method
from tests.formats.memory.disk import PAGE, Disk, contents


def test_holes_read_as_zeros(disk: Disk) -> None:
    with MemoryFile(disk.file("a", [None, 1, None])) as file:
        assert file.size_bytes == 3 * 4096
        assert file.read(4095, 4098) == b"\0" + b"\1" * 4096 + b"\0"


def test_guest_memory_is_read_by_address_across_regions(disk: Disk) -> None:
    """Regions that adjoin in memory, in the other order in the file."""
    layout = Layout((Region(0x2000, 4096), Region(0x1000, 4096)))
    with MemoryFile(disk.file("a", [2, 1])) as file:
        assert file.read_guest(layout, 0x1FFE, 4) == b"\1\1\2\2"
        with pytest.raises(MemoryFileError, match="0x3000 is not RAM"):
            file.read_guest(layout, 0x2FFF, 2)


def test_a_read_goes_on_until_all_is_there(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may give less than it is asked for."""

    class Reluctant(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1000)) or b""

    path = disk.file("a", [1, 2])
    monkeypatch.setattr(Path, "open", lambda path, *_arguments, **_options: Reluctant(path))
    with MemoryFile(path) as file:
        assert file.read(0, 2 * PAGE) == contents([1, 2])


def test_a_file_shorter_than_its_layout_is_an_error(disk: Disk) -> None:
    with (
        MemoryFile(disk.file("a", [1])) as file,
        pytest.raises(MemoryFileError, match="has 4,096 bytes; the memory regions"),
    ):
        file.read_guest(Layout((Region(0, 8192),)), 4000, 100)


def test_a_file_that_is_cut_short_while_it_is_read_is_an_error(disk: Disk) -> None:
    path = disk.file("a", [1, 2])
    with MemoryFile(path) as file:
        os.truncate(path, 5000)
        with pytest.raises(MemoryFileError, match="ends at 5,000; it had 8,192 bytes when"):
            file.read(0, 8192)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "can't be read: No such file"),
        (Path.mkdir, "not a regular file"),
        pytest.param(
            getattr(os, "mkfifo", None),
            "not a regular file",
            marks=pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here"),
        ),
    ],
    ids=["absent", "folder", "pipe"],
)
def test_what_is_no_memory_file_is_refused(tmp_path: Path, make: Any, message: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(MemoryFileError, match=message):
        MemoryFile(tmp_path / "x")


def test_a_file_that_can_not_be_opened_is_an_error(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    path = disk.file("a", [1])
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MemoryFileError, match="can't be read: Permission denied"):
        MemoryFile(path)


def test_a_file_system_that_answers_no_seek_has_unknown_holes(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> NoReturn:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "SEEK_DATA", 3, raising=False)
    monkeypatch.setattr(os, "lseek", refuse)
    with MemoryFile(disk.file("a", [1])) as file:
        assert not file.knows_holes
        assert best_method(file) == "scan"


def test_what_is_written_reaches_the_disk_before_holes_are_asked_for(
    sparse_disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems take what is not there yet for a hole."""
    order: list[str] = []
    lseek = os.lseek

    def recorded(descriptor: int, offset: int, whence: int) -> int:
        order.append("lseek")
        return lseek(descriptor, offset, whence)

    monkeypatch.setattr(os, "fsync", lambda _descriptor: order.append("fsync"))
    monkeypatch.setattr(os, "lseek", recorded)
    with MemoryFile(sparse_disk.file("a", [1])) as file:
        assert file.knows_holes
    assert order[:2] == ["fsync", "lseek"]


def test_a_memory_file_says_what_it_takes_on_the_disk(sparse_disk: Disk) -> None:
    with MemoryFile(sparse_disk.file("a", [None] * 100 + [1])) as file:
        assert file.allocated_bytes is not None
        assert 4096 <= file.allocated_bytes < file.size_bytes
