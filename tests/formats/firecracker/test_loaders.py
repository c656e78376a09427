"""How the three generations of loaders read a file: which checks, in which order."""

from __future__ import annotations

import pytest

from emu.errors import DecodeError, SizeLimitError, VersionError
from emu.formats import envelope
from tests.formats.firecracker.states import RELEASES, Built, acceptable

CRC_FIRST = RELEASES[: RELEASES.index("1.14")]
WHOLE_FILE = ("1.14",)
ONE_VALUE = RELEASES[RELEASES.index("1.15") :]
CRC_LAST = (*WHOLE_FILE, *ONE_VALUE)


def encoded(built: Built) -> bytes:
    return built.release.encode(built.snapshot)


def error_of(built: Built, data: bytes) -> str | None:
    """What the release calls what it has against a file."""
    problem = built.release.verdict(data).problem
    return problem.loader_error if problem else None


def flipped(data: bytes, index: int) -> bytes:
    damaged = bytearray(data)
    damaged[index] ^= 1
    return bytes(damaged)


def with_version(name: str, version: str) -> Built:
    built = acceptable(name)
    built.snapshot.header.version = version
    return built


def with_magic(name: str, magic: int) -> Built:
    built = acceptable(name)
    built.snapshot.header.magic = magic
    return built


# --- versions and magic numbers ----------------------------------------------------------------


@pytest.mark.parametrize("name", RELEASES)
def test_patch_number_and_labels_do_not_matter(name: str) -> None:
    major = acceptable(name).release.version.split(".", maxsplit=1)[0]
    for version in (f"{major}.0.0", f"{major}.0.99", f"{major}.0.0-rc.1"):
        built = with_version(name, version)
        assert error_of(built, encoded(built)) is None


@pytest.mark.parametrize("name", RELEASES)
def test_another_major_or_a_newer_minor_number_is_refused(name: str) -> None:
    major = int(acceptable(name).release.version.split(".", maxsplit=1)[0])
    for version in (f"{major}.1.0", f"{major + 1}.0.0", f"{major - 1}.0.0"):
        built = with_version(name, version)
        assert error_of(built, encoded(built)) == "SnapshotError::InvalidFormatVersion"
        with pytest.raises(VersionError, match=f"{version}.*expected {major}\\.0\\.x"):
            built.release.load(encoded(built))


@pytest.mark.parametrize("name", RELEASES)
@pytest.mark.parametrize("magic", [envelope.MAGIC_X86_64, 0, (1 << 64) - 1])
def test_only_the_magic_number_of_aarch64_is_taken(name: str, magic: int) -> None:
    built = with_magic(name, magic)
    assert error_of(built, encoded(built)) == "SnapshotError::InvalidMagic"


@pytest.mark.parametrize("name", RELEASES)
def test_the_magic_number_comes_before_the_version(name: str) -> None:
    built = with_magic(name, envelope.MAGIC_X86_64)
    built.snapshot.header.version = "99.0.0"
    assert error_of(built, encoded(built)) == "SnapshotError::InvalidMagic"


# --- v1.9 to v1.13 -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CRC_FIRST)
def test_up_to_1_13_the_checksum_comes_before_everything(name: str) -> None:
    built = with_magic(name, 0)
    assert error_of(built, flipped(encoded(built), -1)) == "SnapshotError::Crc64"


@pytest.mark.parametrize("name", CRC_FIRST)
@pytest.mark.parametrize("size_bytes", [0, 7])
def test_up_to_1_13_a_file_without_room_for_a_checksum_is_refused(
    name: str, size_bytes: int
) -> None:
    assert error_of(acceptable(name), bytes(size_bytes)) == "SnapshotError::InvalidSnapshotSize"


@pytest.mark.parametrize("name", CRC_FIRST)
def test_up_to_1_13_bytes_between_state_and_checksum_are_ignored(name: str) -> None:
    built = acceptable(name)
    body = envelope.body(encoded(built))
    assert error_of(built, envelope.seal(body + b"more")) is None


@pytest.mark.parametrize("name", CRC_FIRST)
def test_up_to_1_13_a_wrong_version_is_seen_after_decoding(name: str) -> None:
    built = with_version(name, "99.0.0")
    body = envelope.body(encoded(built))
    assert error_of(built, envelope.seal(body[:-1])) == "SnapshotError::Serde"
    assert error_of(built, envelope.seal(body)) == "SnapshotError::InvalidFormatVersion"


@pytest.mark.parametrize("name", CRC_FIRST)
def test_up_to_1_13_the_magic_number_is_seen_before_the_state_is_decoded(name: str) -> None:
    built = with_magic(name, 0)
    body = envelope.body(encoded(built))
    assert error_of(built, envelope.seal(body[:-1])) == "SnapshotError::InvalidMagic"


# --- v1.14 -------------------------------------------------------------------------------------


def test_1_14_looks_at_the_checksum_when_the_file_is_decoded() -> None:
    built = acceptable("1.14")
    assert error_of(built, flipped(encoded(built), -1)) == "SnapshotError::Crc64"
    other = with_magic("1.14", 0)
    assert error_of(other, flipped(encoded(other), -1)) == "SnapshotError::InvalidMagic"


def test_1_14_reads_bytes_behind_the_state_only_for_the_checksum() -> None:
    built = acceptable("1.14")
    body = envelope.body(encoded(built))
    assert error_of(built, envelope.seal(body + b"more")) is None
    assert error_of(built, encoded(built) + b"more") == "SnapshotError::Crc64"


def test_1_14_sees_a_wrong_version_before_it_decodes_the_state() -> None:
    built = with_version("1.14", "99.0.0")
    body = envelope.body(encoded(built))
    for data in (envelope.seal(body), envelope.seal(body[: len(body) // 2]), body[:40]):
        assert error_of(built, data) == "SnapshotError::InvalidFormatVersion"


@pytest.mark.parametrize("size_bytes", [0, 7, 15])
def test_1_14_decodes_a_short_file_all_the_same(size_bytes: int) -> None:
    data = encoded(acceptable("1.14"))[:size_bytes]
    assert error_of(acceptable("1.14"), data) == "SnapshotError::Decode"


def test_1_14_takes_the_checksum_for_the_last_field_of_a_state_that_is_cut_off() -> None:
    built = acceptable("1.14")
    body = envelope.body(encoded(built))
    assert error_of(built, envelope.seal(body[:-8])) is None
    assert error_of(built, envelope.seal(body[:-9])) == "SnapshotError::Decode"


# --- v1.15 and later ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ONE_VALUE)
def test_from_1_15_at_most_10_million_bytes_are_read_checksum_included(name: str) -> None:
    built = acceptable(name)
    assert error_of(built, bytes(10_000_001)) == "SnapshotError::SizeLimitExceeded"
    assert error_of(built, bytes(10_000_000)) == "SnapshotError::Bitcode"
    with pytest.raises(SizeLimitError, match="10,000,000"):
        built.release.load(bytes(10_000_001))


@pytest.mark.parametrize("name", ONE_VALUE)
@pytest.mark.parametrize("size_bytes", [0, 7])
def test_from_1_15_a_file_without_room_for_a_checksum_is_an_io_error(
    name: str, size_bytes: int
) -> None:
    assert error_of(acceptable(name), bytes(size_bytes)) == "SnapshotError::Io"


@pytest.mark.parametrize("name", ONE_VALUE)
def test_from_1_15_nothing_may_follow_the_state(name: str) -> None:
    built = acceptable(name)
    body = envelope.body(encoded(built))
    assert error_of(built, envelope.seal(body + b"\0")) == "SnapshotError::Bitcode"


@pytest.mark.parametrize("name", ONE_VALUE)
def test_from_1_15_decoding_comes_first_and_the_checksum_last(name: str) -> None:
    built = with_version(name, "99.0.0")
    damaged = flipped(encoded(built), -1)
    assert error_of(built, damaged[:-9] + damaged[-8:]) == "SnapshotError::Bitcode"
    assert error_of(built, damaged) == "SnapshotError::InvalidFormatVersion"
    assert error_of(acceptable(name), flipped(encoded(acceptable(name)), -1)) == (
        "SnapshotError::Crc64"
    )


# --- all ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CRC_LAST)
def test_from_1_14_the_checksum_comes_before_the_machine(name: str) -> None:
    built = acceptable(name)
    built.state.vm_info.smt = True
    assert error_of(built, flipped(encoded(built), -1)) == "SnapshotError::Crc64"


def test_what_does_not_decode_is_told_with_what_the_header_says() -> None:
    old = encoded(acceptable("1.14"))
    with pytest.raises(DecodeError, match=r"version 8\.0\.0 for aarch64, written in bincode"):
        acceptable("1.16").release.load(old)


@pytest.mark.parametrize("writer", RELEASES)
@pytest.mark.parametrize("reader", RELEASES)
def test_no_release_takes_the_file_of_another(writer: str, reader: str) -> None:
    data = encoded(acceptable(writer))
    assert (error_of(acceptable(reader), data) is None) == (writer == reader)
