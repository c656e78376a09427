"""Images of ext4 are the same bytes each time, and give back what was put into them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.linux import entries
from tests.linux.ext4 import E2fsprogs, ImageError

SIZE_MIB = 16
FILES = (
    entries.folder("bin"),
    entries.program("bin/tool", bytes(range(256)) * 100),
    entries.link("bin/alias", "tool"),
    entries.file("text", b"a line\n"),
)


@pytest.fixture(scope="module")
def tools() -> E2fsprogs:
    found = E2fsprogs.find()
    if found is None:
        pytest.skip("e2fsprogs is not in the path")
    return found


@pytest.fixture(scope="module")
def image(tools: E2fsprogs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "image"
    tools.make(path, FILES, SIZE_MIB)
    return path


def test_files_are_read_back(tools: E2fsprogs, image: Path) -> None:
    assert tools.read(image, "/bin/tool") == bytes(range(256)) * 100
    assert tools.read(image, "/text") == b"a line\n"
    assert image.stat().st_size == SIZE_MIB << 20


def test_an_image_is_the_same_whenever_and_wherever_it_is_made(
    tools: E2fsprogs, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the folder, the user's mask, the time zone nor the settings of e2fsprogs matter."""
    for name, value in {"TZ": "Asia/Tokyo", "MKE2FS_CONFIG": "/nowhere", "LC_ALL": "x"}.items():
        monkeypatch.setenv(name, value)
    other = tmp_path / "another name"
    mask = os.umask(0o077)
    try:
        tools.make(other, FILES, SIZE_MIB)
    finally:
        os.umask(mask)
    assert other.read_bytes() == image.read_bytes()


def test_what_is_not_there_is_an_error(tools: E2fsprogs, image: Path) -> None:
    with pytest.raises(ImageError, match="/nothing: File not found"):
        tools.read(image, "/nothing")


def test_what_does_not_fit_is_an_error(tools: E2fsprogs, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="allocate"):
        tools.make(tmp_path / "image", [entries.file("large", b"x" * (17 << 20))], SIZE_MIB)


def test_damage_is_found(tools: E2fsprogs, image: Path, tmp_path: Path) -> None:
    tools.check(image)
    data = bytearray(image.read_bytes())
    data[4096 + 12] ^= 0xFF  # in the group descriptors, which have a checksum
    damaged = tmp_path / "damaged"
    damaged.write_bytes(data)
    with pytest.raises(ImageError, match="e2fsck"):
        tools.check(damaged)


def test_tools_that_are_not_all_there_are_none(tmp_path: Path) -> None:
    """Of packages that were unpacked somewhere, nothing of this machine is mixed in."""
    assert E2fsprogs.find(tmp_path) is None
    (tmp_path / "sbin").mkdir()
    for name in ("mke2fs", "debugfs"):
        (tmp_path / "sbin" / name).touch(mode=0o755)
    assert E2fsprogs.find(tmp_path) is None
    (tmp_path / "sbin" / "e2fsck").touch(mode=0o755)
    found = E2fsprogs.find(tmp_path)
    assert found is not None
    assert found.programs["debugfs"] == str(tmp_path / "sbin" / "debugfs")
