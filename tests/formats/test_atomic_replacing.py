"""Files that are written piece by piece, and appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import NoReturn

import pytest

from emu.formats.atomic import replacing


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_old_file_is_there_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert contents(tmp_path) == {"a": b"new"}


def test_a_block_that_raises_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with replacing(path) as file:
            file.write(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(tmp_path) == {"a": b"old"}


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left") as caught, replacing(tmp_path / "a"):
        pass
    assert caught.value.filename == str(tmp_path / "a")
    assert contents(tmp_path) == {}


def test_a_missing_folder_is_told_by_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "a"
    with pytest.raises(FileNotFoundError) as caught, replacing(path):
        pass
    assert caught.value.filename == str(path)


@pytest.mark.skipif(os.name != "posix", reason="this system has no such permissions")
@pytest.mark.parametrize(("old", "like", "expected"), [(0o600, 0o640, 0o600), (None, 0o640, 0o640)])
def test_permissions_are_those_of_the_old_file_else_of_the_model(
    tmp_path: Path, old: int | None, like: int, expected: int
) -> None:
    """From before the first byte is written."""
    path, model = tmp_path / "a", tmp_path / "model"
    model.touch()
    model.chmod(like)
    if old is not None:
        path.touch()
        path.chmod(old)
    with replacing(path, like=model):
        (temporary,) = tmp_path.glob(".thawbench-*")
        assert stat.S_IMODE(temporary.stat().st_mode) == expected
    assert stat.S_IMODE(path.stat().st_mode) == expected
