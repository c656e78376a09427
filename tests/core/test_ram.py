"""Guest RAM."""

from __future__ import annotations

import ctypes
from hashlib import sha256
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.core.ram import Ram
from emu.errors import GuestError, MemoryFileError

BASE = 0x8000_0000
SIZE = 0x3_0000


def test_fresh_ram_is_zero() -> None:
    assert Ram(BASE, SIZE).contents() == bytes(SIZE)


def test_what_is_written_is_read_back_and_nothing_else_changes() -> None:
    ram = Ram(BASE, SIZE)
    ram.write(BASE + 5, b"abc")
    ram.write(BASE + SIZE - 1, b"z")
    assert ram.read(BASE + 4, 5) == b"\0abc\0"
    expected = bytes(5) + b"abc" + bytes(SIZE - 9) + b"z"
    assert ram.contents() == expected
    assert ram.digest() == sha256(expected).hexdigest()


@given(pieces=st.dictionaries(st.integers(0, SIZE - 8), st.binary(min_size=1, max_size=8)))
def test_first_contents_are_taken_whole(pieces: dict[int, bytes]) -> None:
    """Also across the blocks of zeros that are skipped."""
    contents = bytearray(SIZE)
    for offset, data in pieces.items():
        contents[offset : offset + len(data)] = data
    ram = Ram(BASE, SIZE, contents=bytes(contents))
    assert ram.contents() == contents


def test_first_contents_may_be_shorter_and_never_longer() -> None:
    assert Ram(BASE, SIZE, contents=b"abc").contents() == b"abc" + bytes(SIZE - 3)
    with pytest.raises(GuestError):
        Ram(BASE, SIZE, contents=bytes(SIZE) + b"x")


@pytest.mark.parametrize(
    ("address", "size"),
    [(BASE - 1, 1), (BASE - 1, 2), (BASE + SIZE, 1), (BASE + SIZE - 3, 4), (0, 8)],
)
def test_an_access_that_is_not_all_ram_is_refused(address: int, size: int) -> None:
    """The message says where it was and where RAM is; nothing is written."""
    ram = Ram(BASE, SIZE)
    message = f"{size} bytes at guest-physical {address:#x} .*{BASE:#x} to {BASE + SIZE:#x}"
    with pytest.raises(GuestError, match=message):
        ram.read(address, size)
    with pytest.raises(GuestError, match=message):
        ram.write(address, b"x" * size)
    assert ram.contents() == bytes(SIZE)


def test_the_host_sees_the_same_memory() -> None:
    ram = Ram(BASE, SIZE)
    ram.write(BASE + 0x1000, b"guest")
    assert ctypes.string_at(ram.host_address + 0x1000, 5) == b"guest"
    ctypes.memmove(ram.host_address, b"host", 4)
    assert ram.read(BASE, 4) == b"host"


def test_a_view_of_a_file_never_changes_the_file(tmp_path: Path) -> None:
    """Two views of it don't see each other's writes."""
    path = tmp_path / "memory"
    path.write_bytes(b"x" * (SIZE + 10))
    first, second = Ram(BASE, SIZE, backing=path), Ram(BASE, SIZE, backing=path)
    first.write(BASE, b"new")
    assert first.read(BASE, 4) == b"newx"
    assert second.contents() == b"x" * SIZE
    assert path.read_bytes() == b"x" * (SIZE + 10)


def test_a_file_that_is_too_small_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "memory"
    with pytest.raises(MemoryFileError, match="memory can't be mapped"):
        Ram(BASE, SIZE, backing=path)
    path.write_bytes(bytes(SIZE - 1))
    with pytest.raises(MemoryFileError, match=f"memory can't be mapped as {SIZE} bytes"):
        Ram(BASE, SIZE, backing=path)
