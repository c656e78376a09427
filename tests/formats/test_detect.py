"""The format of a file is told from its bytes alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import UnknownFormatError
from emu.formats import envelope
from emu.formats.detect import detect
from tests.formats.firecracker.states import RELEASES, Built, acceptable

SQUIB = Path(__file__).parents[1] / "golden" / "squib-0.2"


def encoded(built: Built) -> bytes:
    return built.release.encode(built.snapshot)


def with_version(name: str, version: str) -> bytes:
    built = acceptable(name)
    built.snapshot.header.version = version
    return encoded(built)


def ids(data: bytes) -> list[str]:
    return [found.id for found in detect(data).formats]


@pytest.mark.parametrize("name", RELEASES)
def test_a_file_with_devices_is_of_the_release_that_wrote_it(name: str) -> None:
    detection = detect(encoded(acceptable(name)))
    assert detection.format.id == f"firecracker-{name}"
    assert detection.others == ()
    assert detection.decodes


@pytest.mark.parametrize("path", sorted(SQUIB.glob("1[34]-*.snap")), ids=lambda path: path.stem)
def test_a_file_of_squib_is_told_from_the_release_with_its_version(path: Path) -> None:
    assert ids(path.read_bytes()) == ["squib-0.2"]
    assert ids(encoded(acceptable("1.11"))) == ["firecracker-1.11"]


def test_without_network_devices_1_9_and_1_10_0_can_t_be_told_apart() -> None:
    built = acceptable("1.9")
    built.mmio.net_devices = []
    assert ids(encoded(built)) == ["firecracker-1.10.0", "firecracker-1.9"]
    assert ids(with_version("1.10", "3.0.0")) == ["firecracker-1.10.0"]


def test_1_13_and_1_14_are_told_apart_by_their_schemas() -> None:
    old, new = acceptable("1.13"), acceptable("1.14")
    assert old.release.version == new.release.version
    assert ids(encoded(old)) == ["firecracker-1.13"]
    assert ids(encoded(new)) == ["firecracker-1.14"]


@pytest.mark.parametrize("name", RELEASES)
def test_an_x86_snapshot_is_of_the_release_that_refuses_it(name: str) -> None:
    built = acceptable(name)
    built.snapshot.header.magic = envelope.MAGIC_X86_64
    detection = detect(encoded(built))
    assert detection.header.architecture == "x86_64"
    assert detection.format.id == f"firecracker-{name}"


@pytest.mark.parametrize("name", RELEASES)
def test_a_wrong_checksum_does_not_matter(name: str) -> None:
    data = encoded(acceptable(name))
    assert ids(data[:-1] + bytes([data[-1] ^ 1])) == [f"firecracker-{name}"]


@pytest.mark.parametrize("name", RELEASES)
def test_a_body_that_does_not_decode_is_of_the_releases_of_its_version(name: str) -> None:
    data = encoded(acceptable(name))
    detection = detect(envelope.seal(envelope.body(data)[:-20]))
    assert not detection.decodes
    assert f"firecracker-{name}" in [found.id for found in detection.formats]
    assert {found.version for found in detection.formats} <= {
        acceptable(name).release.version,
        "5.0.0",
    }


@pytest.mark.parametrize("name", RELEASES)
def test_patch_numbers_do_not_matter(name: str) -> None:
    version = acceptable(name).release.version
    assert f"firecracker-{name}" in ids(with_version(name, f"{version[:-1]}7"))


@pytest.mark.parametrize("name", RELEASES)
def test_a_version_that_says_nothing_leaves_the_schema(name: str) -> None:
    assert f"firecracker-{name}" in ids(with_version(name, "77.0.0"))


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", bytes(100), b"\x7fELF" * 10, b"text " * 20],
    ids=lambda data: repr(data[:8]),
)
def test_what_has_no_header_is_of_no_format(data: bytes) -> None:
    with pytest.raises(UnknownFormatError, match="does not begin with the header"):
        detect(data)


@pytest.mark.parametrize(
    ("version", "release"), [("1.0.0", "v1.7"), ("2.0.0", "v1.8"), ("99.0.0", "")]
)
def test_a_version_that_is_not_read_is_told_with_who_writes_it(version: str, release: str) -> None:
    header = (envelope.MAGIC_AARCH64).to_bytes(8, "little")
    text = len(version).to_bytes(8, "little") + version.encode()
    with pytest.raises(UnknownFormatError, match=f"version {version}.*{release}.*bincode"):
        detect(header + text + bytes(40))


def has_formats_or_none(data: bytes) -> bool:
    """Whether detection ends in one of the ways in which it may."""
    try:
        return len(detect(data).formats) > 0
    except UnknownFormatError:
        return True


@given(st.sampled_from(RELEASES), st.integers(0, 200), st.integers(0, 255))
def test_any_damage_gives_formats_or_a_typed_error(name: str, index: int, byte: int) -> None:
    data = bytearray(encoded(acceptable(name)))
    data[index % len(data)] = byte
    assert has_formats_or_none(bytes(data))


@given(st.binary(max_size=120))
def test_any_bytes_give_formats_or_a_typed_error(data: bytes) -> None:
    assert has_formats_or_none(data)
