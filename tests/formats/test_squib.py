"""squib's state file: byte-exact against real files, and a loader that checks in squib's order."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import (
    CrcError,
    DecodeError,
    EncodeError,
    IncompatibleError,
    MagicError,
    SizeLimitError,
    SnapshotError,
    TooShortError,
    VersionError,
)
from emu.formats import envelope, squib
from emu.wire import jsonvalue

GOLDEN = Path(__file__).parents[1] / "golden" / "squib-0.2"
STATE_FILES = sorted(GOLDEN.glob("*.snap"))

REFUSED: dict[str, tuple[type[SnapshotError], str]] = {
    "01-empty": (IncompatibleError, "has 0 vCPUs"),
    "02-one-zero-vcpu": (IncompatibleError, "bytes is empty"),
    "03-one-vcpu-one-device": (IncompatibleError, "smt is true"),
    "05-six-vcpus-offset-packing": (IncompatibleError, "bytes is empty"),
    "06-psci-mix-late-sysregs": (IncompatibleError, "bytes is empty"),
    "07-late-blobs": (IncompatibleError, "has 0 vCPUs"),
    "08-extremes": (MagicError, "0xffffffffffffffff"),
    "09-non-ascii": (IncompatibleError, "has 0 vCPUs"),
    "10-length-escapes": (IncompatibleError, "has 0 vCPUs"),
    "11-many-sysregs": (IncompatibleError, "bytes is empty"),
    "12-three-hundred-devices": (IncompatibleError, "has 0 vCPUs"),
}
"""What squib's loader has against the golden files; it loads the others."""


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.snap").read_bytes()


def loadable() -> squib.Snapshot:
    """A value that squib loads."""
    return squib.load(golden("13-realistic-one-vcpu"))


# --- golden files ----------------------------------------------------------------------------


def test_all_golden_files_are_here() -> None:
    assert len(STATE_FILES) == 15


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_a_golden_file_decodes_and_encodes_to_the_same_bytes(path: Path) -> None:
    data = path.read_bytes()
    assert squib.encode(squib.decode(data)) == data


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_a_golden_file_decodes_to_its_json(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_bytes())
    assert jsonvalue.to_json(squib.Snapshot, squib.decode(path.read_bytes())) == expected


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_a_golden_file_is_built_from_its_json(path: Path) -> None:
    text = path.with_suffix(".json").read_text(encoding="utf-8")
    assert squib.encode(jsonvalue.loads(squib.Snapshot, text)) == path.read_bytes()


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_the_loader_takes_and_refuses_what_squib_does(path: Path) -> None:
    data = path.read_bytes()
    if path.stem not in REFUSED:
        assert squib.load(data) == squib.decode(data)
        return
    error, message = REFUSED[path.stem]
    with pytest.raises(error, match=message):
        squib.load(data)


# --- the loader's checks ---------------------------------------------------------------------


def set_magic(snapshot: squib.Snapshot) -> None:
    snapshot.header.magic = envelope.MAGIC_X86_64


def set_version(snapshot: squib.Snapshot) -> None:
    snapshot.header.version = "6.0.0"


def drop_vcpus(snapshot: squib.Snapshot) -> None:
    snapshot.data.vcpu_states = []


def set_smt(snapshot: squib.Snapshot) -> None:
    snapshot.data.vm_info.smt = True


def empty_gic(snapshot: squib.Snapshot) -> None:
    snapshot.data.gic_state.bytes = b""


def lengthen_gic(snapshot: squib.Snapshot) -> None:
    snapshot.data.gic_state.len += 1


FAULTS: list[tuple[Callable[[squib.Snapshot], None], type[SnapshotError], str]] = [
    (set_magic, MagicError, r"0x0710198486640000.*x86_64.*0x07101984aaaa0000.*aarch64"),
    (set_version, VersionError, r"'6\.0\.0'.*5\.0\.x"),
    (drop_vcpus, IncompatibleError, "vcpu_states has 0 vCPUs.*1 to 32"),
    (set_smt, IncompatibleError, "smt is true"),
    (empty_gic, IncompatibleError, r"gic_state\.bytes is empty"),
    (lengthen_gic, IncompatibleError, r"gic_state\.len is \d+, but .* has \d+ bytes"),
]
"""Faults of a value, in the order in which squib's loader looks for them."""


@pytest.mark.parametrize(("fault", "error", "message"), FAULTS)
def test_each_check_of_the_loader_finds_its_fault(
    fault: Callable[[squib.Snapshot], None], error: type[SnapshotError], message: str
) -> None:
    snapshot = loadable()
    fault(snapshot)
    with pytest.raises(error, match=message):
        squib.load(squib.encode(snapshot))


@pytest.mark.parametrize(("earlier", "later"), list(combinations(range(len(FAULTS)), 2)))
def test_of_two_faults_the_loader_reports_the_one_that_squib_checks_first(
    earlier: int, later: int
) -> None:
    snapshot = loadable()
    FAULTS[earlier][0](snapshot)
    FAULTS[later][0](snapshot)
    _, error, message = FAULTS[earlier]
    with pytest.raises(error, match=message):
        squib.load(squib.encode(snapshot))


def test_a_wrong_checksum_comes_before_any_fault_of_the_value() -> None:
    snapshot = loadable()
    set_magic(snapshot)
    data = bytearray(squib.encode(snapshot))
    data[-1] ^= 1
    with pytest.raises(CrcError):
        squib.load(bytes(data))


def test_what_does_not_decode_comes_before_a_wrong_magic() -> None:
    snapshot = loadable()
    set_magic(snapshot)
    body = envelope.body(squib.encode(snapshot))
    with pytest.raises(DecodeError, match="x86_64"):
        squib.load(envelope.seal(body[:-1]))


@pytest.mark.parametrize("version", ["5.0.0", "5.0.99", "5.0.0-rc.1", "5.0.18446744073709551615"])
def test_the_patch_number_and_labels_do_not_matter(version: str) -> None:
    snapshot = loadable()
    snapshot.header.version = version
    assert squib.load(squib.encode(snapshot)).header.version == version


@pytest.mark.parametrize("version", ["5.1.0", "4.0.0", "6.0.0", "0.0.0", "15.0.0"])
def test_another_major_or_a_newer_minor_is_refused(version: str) -> None:
    snapshot = loadable()
    snapshot.header.version = version
    with pytest.raises(VersionError, match=version):
        squib.load(squib.encode(snapshot))


@pytest.mark.parametrize("count", [1, 32])
def test_squib_restores_1_to_32_vcpus(count: int) -> None:
    snapshot = loadable()
    snapshot.data.vcpu_states *= count
    squib.FORMAT.verify(snapshot)


@pytest.mark.parametrize("count", [0, 33])
def test_another_number_of_vcpus_is_refused(count: int) -> None:
    snapshot = loadable()
    snapshot.data.vcpu_states *= count
    with pytest.raises(IncompatibleError, match=f"has {count} vCPUs"):
        squib.FORMAT.verify(snapshot)


def test_the_size_limit_is_10_million_bytes_checksum_included() -> None:
    with pytest.raises(CrcError):
        squib.load(b"\1" * 10_000_000)
    with pytest.raises(SizeLimitError, match="10,000,000"):
        squib.load(b"\1" * 10_000_001)


@pytest.mark.parametrize("size_bytes", range(8))
def test_a_file_without_room_for_a_checksum_is_too_short(size_bytes: int) -> None:
    with pytest.raises(TooShortError, match=f"has {size_bytes} bytes"):
        squib.load(bytes(size_bytes))


def test_a_version_that_is_not_semantic_has_no_encoding() -> None:
    snapshot = loadable()
    snapshot.header.version = "5.0"
    with pytest.raises(EncodeError, match="version"):
        squib.encode(snapshot)
    body = envelope.body(golden("01-empty")).replace(b"\x055.0.0", b"\x055.0.x")
    with pytest.raises(DecodeError, match="version"):
        squib.decode(envelope.seal(body))


# --- other people's files --------------------------------------------------------------------


def test_a_firecracker_file_in_bitcode_is_named_by_its_header() -> None:
    body = bytes.fromhex("00 0000aaaa84191007 05") + b"9.0.0" + bytes(500)
    with pytest.raises(DecodeError, match=r"version 9\.0\.0 for aarch64, written in bitcode"):
        squib.load(envelope.seal(body))


def test_a_firecracker_file_in_bincode_is_named_by_its_header() -> None:
    body = bytes.fromhex("0000648684191007 0500000000000000") + b"8.0.0" + bytes(500)
    with pytest.raises(DecodeError, match=r"version 8\.0\.0 for x86_64, written in bincode"):
        squib.load(envelope.seal(body))


def test_a_damaged_squib_file_is_not_called_something_else() -> None:
    body = envelope.body(golden("13-realistic-one-vcpu"))
    with pytest.raises(DecodeError) as raised:
        squib.load(envelope.seal(body[:-1]))
    assert "header" not in str(raised.value)


# --- damage ----------------------------------------------------------------------------------


def test_a_file_cut_off_anywhere_is_refused() -> None:
    data = golden("07-late-blobs")
    for size_bytes in range(len(data)):
        with pytest.raises(TooShortError if size_bytes < 8 else CrcError):
            squib.decode(data[:size_bytes])


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_checksum_catches_every_flipped_bit() -> None:
    data = golden("07-late-blobs")
    for bit in range(8 * len(data)):
        with pytest.raises(CrcError):
            squib.decode(flipped(data, bit))


def value_or_error(data: bytes) -> squib.Snapshot | SnapshotError:
    """What loading gives; any other exception ends the test."""
    try:
        return squib.load(data)
    except SnapshotError as error:
        return error


@pytest.mark.parametrize("name", ["06-psci-mix-late-sysregs", "07-late-blobs"])
def test_a_flipped_bit_under_a_right_checksum_gives_a_value_or_a_typed_error(name: str) -> None:
    body = envelope.body(golden(name))
    seen = {type(value_or_error(envelope.seal(flipped(body, bit)))) for bit in range(8 * len(body))}
    assert {DecodeError, MagicError, VersionError, IncompatibleError} <= seen


def test_a_body_cut_off_under_a_right_checksum_does_not_decode() -> None:
    body = envelope.body(golden("07-late-blobs"))
    for size_bytes in range(len(body)):
        with pytest.raises(DecodeError):
            squib.decode(envelope.seal(body[:size_bytes]))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_a_typed_error(data: bytes) -> None:
    assert isinstance(value_or_error(data), SnapshotError)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_under_a_right_checksum_give_a_typed_error(tail: bytes) -> None:
    header = envelope.body(golden("01-empty"))[:15]
    assert isinstance(value_or_error(envelope.seal(header + tail)), SnapshotError)


def test_of_a_file_that_is_too_large_only_the_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.snap"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    assert len(envelope.read_file(path)) == envelope.READ_MAX_SIZE_BYTES + 1
