"""Headers can be read without the rest of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.formats import envelope
from emu.formats.envelope import MAGIC_AARCH64, HeaderPeek, peek

GOLDEN = Path(__file__).parents[1] / "golden" / "squib-0.2"
HEADER_SIZE_BYTES = 15


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.snap")), ids=lambda path: path.stem)
def test_the_header_of_a_file_is_told_from_its_first_bytes(path: Path) -> None:
    header = peek(path.read_bytes()[:64])
    assert header is not None
    assert header.encoding == "bitcode"
    assert header.architecture == (None if path.stem == "08-extremes" else "aarch64")
    assert header.version is not None


def test_of_a_header_cut_off_in_its_version_the_magic_is_told() -> None:
    data = (GOLDEN / "01-empty.snap").read_bytes()
    for size_bytes in range(9, HEADER_SIZE_BYTES):
        assert peek(data[:size_bytes]) == HeaderPeek(MAGIC_AARCH64, None, "bitcode")
    for size_bytes in range(9):
        assert peek(data[:size_bytes]) is None


def test_a_header_with_a_damaged_magic_is_known_by_its_version() -> None:
    data = bytearray((GOLDEN / "01-empty.snap").read_bytes())
    data[3] ^= 1
    assert peek(bytes(data)) == HeaderPeek(MAGIC_AARCH64 ^ (1 << 16), "5.0.0", "bitcode")


def test_a_sealed_body_has_the_checksum_zero() -> None:
    crc = envelope.checksum(envelope.seal(b"123456789"))
    assert crc == envelope.Checksum(0xE9C6D914C4B8D9CA, 0xE9C6D914C4B8D9CA)
    assert crc.ok


def test_another_packing_of_the_magic_is_no_header() -> None:
    """The byte before a magic number says that it is written in full."""
    data = (GOLDEN / "01-empty.snap").read_bytes()
    assert peek(b"\2" + data[1:]) is None
