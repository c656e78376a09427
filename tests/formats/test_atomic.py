"""Files appear whole or not at all, whatever fails."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from emu.formats.atomic import write_all_atomic, write_atomic


def fail(*_arguments: object) -> NoReturn:
    raise OSError(28, "No space left on device")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_is_written_and_nothing_else_remains(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"new")
    assert contents(tmp_path) == {"a": b"new"}


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old and longer")
    write_atomic(tmp_path / "a", b"new")
    assert contents(tmp_path) == {"a": b"new"}


def test_a_file_may_come_in_pieces(tmp_path: Path) -> None:
    write_all_atomic({tmp_path / "a": [b"one ", memoryview(b"two")]})
    assert contents(tmp_path) == {"a": b"one two"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(tmp_path / "a", b"new")
    assert contents(tmp_path) == {"a": b"old"}


def test_of_several_files_none_is_replaced_if_the_last_can_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileNotFoundError):
        write_all_atomic({tmp_path / "a": b"new", tmp_path / "absent" / "b": b"new"})
    assert contents(tmp_path) == {"a": b"old"}


def test_pieces_that_end_in_an_error_leave_nothing(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        fail()

    with pytest.raises(OSError, match="No space left"):
        write_all_atomic({tmp_path / "a": pieces()})
    assert contents(tmp_path) == {}


def test_files_are_renamed_in_the_order_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order in which squib renames: the state file, then the memory file."""
    renamed: list[str] = []
    replace = os.replace

    def record(source: Path, target: Path) -> None:
        assert len(contents(tmp_path)) == 2, "all files are written before the first rename"
        renamed.append(Path(target).name)
        replace(source, target)

    monkeypatch.setattr(os, "replace", record)
    write_all_atomic({tmp_path / "vm.snap": b"state", tmp_path / "vm.mem": b"memory"})
    assert renamed == ["vm.snap", "vm.mem"]


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_atomic(tmp_path, b"new")


def test_the_target_of_a_symbolic_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    link = tmp_path / "link"
    try:
        link.symlink_to(tmp_path / "a")
    except OSError:
        pytest.skip("this user may not make symbolic links")
    write_atomic(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_symbolic_link_that_leads_to_itself_is_an_error(tmp_path: Path) -> None:
    link = tmp_path / "link"
    try:
        link.symlink_to(link)
    except OSError:
        pytest.skip("this user may not make symbolic links")
    with pytest.raises(OSError, match="symbolic link") as caught:
        write_atomic(link, b"new")
    assert caught.value.filename == str(link)
    assert link.is_symlink()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_names_the_file_and_not_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomic(tmp_path / "a", b"new")
    assert caught.value.filename == str(tmp_path / "a")


def test_a_missing_folder_is_told_by_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write_atomic(tmp_path / "absent" / "a", b"new")
    assert caught.value.filename == str(tmp_path / "absent" / "a")


def test_an_error_of_the_pieces_keeps_the_name_of_what_it_is_about(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield (tmp_path / "source").read_bytes()

    with pytest.raises(FileNotFoundError) as caught:
        write_all_atomic({tmp_path / "a": pieces()})
    assert caught.value.filename == str(tmp_path / "source")


@pytest.mark.skipif(os.name != "posix", reason="this system has no such permissions")
def test_the_permissions_are_those_of_the_file_that_is_replaced(tmp_path: Path) -> None:
    """A state file holds what the guest had in its registers."""
    path = tmp_path / "a"
    path.touch(mode=0o600)
    write_atomic(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_special_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        write_atomic(tmp_path / "pipe", b"new")
