"""`describe` tells all of a good file, what can be told of a damaged one, and never fails."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import SnapshotError, UnknownFormatError
from emu.formats import checks, envelope, registry, squib
from emu.inspect.describe import describe, describe_file
from emu.inspect.describe.views.file import Description, FormatView, Problem
from emu.wire.schema import Struct, struct_of, u8

GOLDEN = Path(__file__).parents[2] / "golden" / "squib-0.2"
STATE_FILES = sorted(GOLDEN.glob("*.snap"))
REALISTIC = GOLDEN / "14-realistic-two-vcpus-mmds.snap"


class Foreign(Struct):
    number: u8


class ForeignSnapshot(Struct):
    header: squib.SnapshotHdr
    data: Foreign


def snapshot() -> squib.Snapshot:
    return squib.load(REALISTIC.read_bytes())


def errors(description: Description) -> list[str]:
    return [problem.error for problem in description.problems]


def test_header_and_checksum_are_told() -> None:
    description = describe(REALISTIC.read_bytes())
    assert description.problems == ()
    assert description.size_bytes == 23257
    assert description.header is not None
    assert description.header.architecture == "aarch64"
    assert description.header.version == "5.0.0"
    assert description.checksum is not None
    assert description.checksum.ok


# --- damaged files ---------------------------------------------------------------------------


def test_a_body_with_a_wrong_checksum_is_decoded_all_the_same() -> None:
    data = bytearray(REALISTIC.read_bytes())
    data[-1] ^= 1
    description = describe(bytes(data))
    assert errors(description) == ["CrcError"]
    assert description.state == describe(REALISTIC.read_bytes()).state
    assert description.checksum is not None
    assert description.checksum.stored == description.checksum.computed ^ (1 << 56)


def test_of_a_file_cut_off_the_header_is_told() -> None:
    description = describe(REALISTIC.read_bytes()[:1000])
    assert errors(description) == ["CrcError", "DecodeError"]
    assert description.state is None
    assert description.header is not None
    assert description.header.version == "5.0.0"


@pytest.mark.parametrize("size_bytes", [squib.MAX_STATE_SIZE_BYTES, envelope.READ_MAX_SIZE_BYTES])
def test_of_a_file_that_is_too_large_the_header_is_told(size_bytes: int) -> None:
    data = REALISTIC.read_bytes() + bytes(size_bytes)
    description = describe(data)
    assert errors(description) == ["SizeLimitError"]
    assert description.header is not None
    assert (description.state, description.trailing_size_bytes) == (None, None)


def test_of_a_file_that_is_too_short_its_size_is_told() -> None:
    description = describe(b"", "squib-0.2")
    assert (description.size_bytes, description.checksum, description.header) == (0, None, None)
    assert errors(description)[0] == "TooShortError"


# --- the format --------------------------------------------------------------------------------


def test_the_format_is_told() -> None:
    description = describe(REALISTIC.read_bytes())
    assert description.format == FormatView("squib-0.2", "squib 0.2")


def test_a_file_of_no_known_format_has_one_problem() -> None:
    for data in (b"", bytes(range(256)), (1 << 64).to_bytes(200, "little")):
        description = describe(data)
        assert errors(description) == ["UnknownFormatError"]
        assert (description.format, description.state) == (None, None)


def test_the_header_of_a_file_of_no_known_format_is_told() -> None:
    """What Firecracker v1.7 wrote."""
    header = envelope.MAGIC_AARCH64.to_bytes(8, "little") + (5).to_bytes(8, "little") + b"1.0.0"
    description = describe(envelope.seal(header + b"\xff" * 100))
    assert errors(description) == ["UnknownFormatError"]
    assert description.header is not None
    assert (description.header.version, description.header.encoding) == ("1.0.0", "bincode")
    assert description.checksum is not None
    assert description.checksum.ok


def test_a_file_is_read_as_what_it_is_said_to_be() -> None:
    description = describe(REALISTIC.read_bytes(), "firecracker-1.16")
    assert description.format is not None
    assert description.format.id == "firecracker-1.16"
    (problem,) = description.problems
    assert (problem.error, problem.loader_error) == ("DecodeError", "SnapshotError::Bitcode")
    assert description.header is not None
    assert description.header.version == "5.0.0"


def test_a_format_that_is_unknown_is_an_error() -> None:
    with pytest.raises(UnknownFormatError, match="firecracker-0"):
        describe(b"", "firecracker-0.1")


def test_a_state_that_is_like_no_known_one_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's own format may be anything."""
    schema = struct_of(ForeignSnapshot)
    loader = (checks.body(squib.FORMAT.codec, schema, "1.0.0", "Bad"),)
    foreign = dataclasses.replace(squib.FORMAT, id="foreign", schema=schema, loader=loader)
    monkeypatch.setattr(registry, "get", lambda _: foreign)
    file = foreign.encode(ForeignSnapshot(squib.SnapshotHdr(1, "1.0.0"), Foreign(7)))
    description = describe(file, "foreign")
    assert (description.problems, description.state) == ((), None)
    assert description.trailing_size_bytes == 0


# --- the verdict -------------------------------------------------------------------------------


def test_all_problems_are_listed_in_the_order_of_the_loader() -> None:
    value = snapshot()
    value.header.magic = envelope.MAGIC_X86_64
    value.header.version = "6.0.0"
    value.data.vcpu_states = []
    value.data.vm_info.smt = True
    value.data.gic_state.bytes = b""
    description = describe(squib.encode(value))
    assert errors(description) == ["MagicError", "VersionError", *["IncompatibleError"] * 4]
    assert description.header is not None
    assert description.header.architecture == "x86_64"


def refusals(data: bytes) -> tuple[Problem, ...]:
    """What loading raises: one problem at most."""
    try:
        squib.load(data)
    except SnapshotError as error:
        problem = squib.FORMAT.verdict(data).problem
        assert problem is not None
        return (Problem(type(error).__name__, str(error), problem.loader_error),)
    return ()


def assert_agrees_with_the_loader(data: bytes) -> None:
    """The first problem is what loading raises; a file without problems loads."""
    assert describe(data, "squib-0.2").problems[:1] == refusals(data)


@pytest.mark.parametrize("path", STATE_FILES, ids=lambda path: path.stem)
def test_describe_agrees_with_the_loader_on_golden_files(path: Path) -> None:
    assert_agrees_with_the_loader(path.read_bytes())


@given(st.binary(max_size=200))
def test_describe_agrees_with_the_loader_on_arbitrary_bytes(data: bytes) -> None:
    assert_agrees_with_the_loader(data)


@given(st.data())
def test_describe_agrees_with_the_loader_on_damaged_files(data: st.DataObject) -> None:
    file = bytearray((GOLDEN / "03-one-vcpu-one-device.snap").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    assert_agrees_with_the_loader(bytes(file))
    assert_agrees_with_the_loader(envelope.seal(envelope.body(bytes(file))))


# --- the memory file -------------------------------------------------------------------------


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    value = snapshot()
    value.data.vm_info.mem_size_mib = 1
    path = tmp_path / "vm.snap"
    path.write_bytes(squib.encode(value))
    return path


def test_the_memory_file_is_the_one_beside_the_state_file(state_file: Path) -> None:
    memory_file = state_file.with_suffix(".mem")
    memory_file.write_bytes(bytes(4096))
    memory = describe_file(state_file).memory
    assert memory is not None
    assert memory.path == str(memory_file)
    assert (memory.size_bytes, memory.expected_size_bytes) == (4096, 1 << 20)


def test_a_missing_memory_file_is_told_and_is_no_problem(state_file: Path) -> None:
    description = describe_file(state_file)
    assert description.problems == ()
    assert description.memory is not None
    assert description.memory.size_bytes is None


def test_only_a_snap_file_has_a_memory_file(state_file: Path) -> None:
    other = state_file.rename(state_file.with_suffix(".bin"))
    assert describe_file(other).memory is None


def test_the_size_told_is_that_of_the_file_however_large(state_file: Path) -> None:
    with state_file.open("r+b") as file:
        file.truncate(20_000_000)
    assert describe_file(state_file).size_bytes == 20_000_000
