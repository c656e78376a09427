"""Disks keep what is written to them, and say what is wrong with a file before anything starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.devices.virtio.disk import Disk, FileDisk, MemoryDisk, OverlayDisk
from emu.errors import BackingError

SIZE = 10_000
"""Not a multiple of anything that a disk could round to."""

CONTENTS = bytes(n * 7 & 0xFF for n in range(SIZE))

writes = st.lists(
    st.tuples(st.integers(0, SIZE), st.binary(max_size=64) | st.integers(0, SIZE).map(bytes)),
    max_size=12,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with `CONTENTS`."""
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENTS)
    return path


def apply(disk: Disk, writes: list[tuple[int, bytes]]) -> bytes:
    """Write to a disk, as far as there is place, and to a model; what the model holds then."""
    model = bytearray(disk.read(0, disk.size_bytes))
    for offset, drawn in writes:
        data = drawn[: SIZE - offset]
        disk.write(offset, data)
        model[offset : offset + len(data)] = data
    return bytes(model)


@given(writes=writes, offset=st.integers(0, SIZE), size=st.integers(0, SIZE))
def test_an_overlay_reads_as_what_was_written_over_the_disk_below(
    writes: list[tuple[int, bytes]], offset: int, size: int
) -> None:
    overlay = OverlayDisk(MemoryDisk(CONTENTS))
    model = apply(overlay, writes)
    size = min(size, SIZE - offset)
    assert overlay.read(offset, size) == model[offset : offset + size]
    assert overlay.digest() == MemoryDisk(model).digest()


@given(first=writes, second=writes)
def test_what_is_written_to_an_overlay_changes_no_other_disk(
    first: list[tuple[int, bytes]], second: list[tuple[int, bytes]]
) -> None:
    below = MemoryDisk(CONTENTS)
    frozen = OverlayDisk(below)
    at_freeze = apply(frozen, first)
    clone, above = frozen.copy(), OverlayDisk(frozen)
    apply(clone, second)
    apply(above, second)
    assert clone.digest() == above.digest()
    assert frozen.read(0, SIZE) == at_freeze
    assert below.read(0, SIZE) == CONTENTS


@given(writes=writes)
def test_a_file_holds_what_is_written_to_it(
    writes: list[tuple[int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("disks") / "disk.img"
    path.write_bytes(CONTENTS)
    disk = FileDisk(path)
    model = apply(disk, writes)
    disk.flush()
    assert path.read_bytes() == model == disk.read(0, SIZE)
    disk.close()


def test_a_flush_syncs_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    FileDisk(path).flush()
    MemoryDisk(CONTENTS).flush()
    assert len(synced) == 1


def test_a_flush_that_fails_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(BackingError, match=r"disk\.img can't be synced: Input/output error"):
        FileDisk(path).flush()


def test_an_overlay_over_a_file_leaves_it_as_it_is(path: Path) -> None:
    overlay = OverlayDisk(FileDisk(path, is_read_only=True))
    overlay.write(3, b"changed")
    overlay.flush()
    assert path.read_bytes() == CONTENTS
    assert overlay.read(0, 12) == CONTENTS[:3] + b"changed" + CONTENTS[10:12]
    assert overlay.path == str(path)


def test_a_disk_that_is_read_only_is_not_written(path: Path) -> None:
    path.chmod(0o444)
    disk = FileDisk(path, is_read_only=True)
    with pytest.raises(BackingError, match="is read-only"):
        disk.write(0, b"x")
    assert disk.read(0, SIZE) == CONTENTS


@pytest.mark.parametrize("make", [MemoryDisk, lambda data: OverlayDisk(MemoryDisk(data))])
@pytest.mark.parametrize(("offset", "size"), [(-1, 1), (SIZE, 1), (SIZE - 1, 2), (1 << 64, 0)])
def test_what_is_not_on_the_disk_is_not_accessed(make: object, offset: int, size: int) -> None:
    assert callable(make)
    disk = make(CONTENTS)
    with pytest.raises(BackingError, match="are not all on a disk in memory, which has 10000"):
        disk.read(offset, size)
    with pytest.raises(BackingError, match="are not all on a disk in memory, which has 10000"):
        disk.write(offset, bytes(size))


def test_a_file_that_shrinks_meanwhile_is_told(path: Path) -> None:
    disk = FileDisk(path)
    path.write_bytes(CONTENTS[:500])
    assert disk.read(0, 500) == CONTENTS[:500]
    with pytest.raises(BackingError, match="ends at byte 500; it had 10000"):
        disk.read(0, 501)


# --- files that are no disks -----------------------------------------------------------------


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackingError, match=r"missing\.img .* No such file"):
        FileDisk(tmp_path / "missing.img")


def test_what_is_no_path_is_refused() -> None:
    """A state file may name anything."""
    with pytest.raises(BackingError, match="can't be opened so: embedded null"):
        FileDisk(Path("a\0b"))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackingError, match="neither a file nor a block device"):
        FileDisk(tmp_path)


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="there is no /dev/null")
def test_a_character_device_is_refused() -> None:
    with pytest.raises(BackingError, match="neither a file nor a block device"):
        FileDisk(Path("/dev/null"))


def test_a_file_that_cannot_be_written_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's refusal is put in its place: root may write to any file."""

    def open_(self: Path, mode: str, buffering: int) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", open_)
    with pytest.raises(BackingError, match=r"disk that is read and written.*: Permission denied"):
        FileDisk(path)
