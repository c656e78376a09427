"""The arm64 kernel image's header, and files that are something else."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.image import Image
from emu.errors import BoardError


def image(
    text_offset: int = 0, image_size: int = 0x1000, flags: int = 0xA, payload: bytes = b""
) -> bytes:
    """A file with the header of `booting.rst`."""
    return (
        struct.pack("<2I6Q4sI", 0x91005A4D, 0, text_offset, image_size, flags, 0, 0, 0, b"ARMd", 64)
        + payload
    )


@given(text_offset=st.integers(0, 2**64 - 1), image_size=st.integers(64, 2**64 - 1))
def test_header_fields_are_little_endian_at_their_offsets(
    text_offset: int, image_size: int
) -> None:
    parsed = Image.parse(image(text_offset, image_size))
    assert (parsed.text_offset, parsed.image_size_bytes) == (text_offset, image_size)
    assert (parsed.flags.PAGE_SIZE, parsed.flags.PLACEMENT) == (1, 1)


def test_the_load_address_is_text_offset_above_a_2_mib_boundary() -> None:
    assert Image.parse(image(0x8_0000)).load_address(0x8020_0000) == 0x8028_0000
    with pytest.raises(BoardError, match="multiple of 0x200000"):
        Image.parse(image()).load_address(0x8010_0000)


def test_before_linux_3_17_the_text_offset_is_taken_as_0x80000() -> None:
    """Such images have image_size 0, and text_offset in an unknown byte order."""
    assert Image.parse(image(0x0000_0800_0000_0000, image_size=0)).text_offset == 0x8_0000


@given(image_size=st.integers(0, 0x2000), length=st.integers(0, 0x2000))
def test_the_image_needs_at_least_the_room_of_its_file(image_size: int, length: int) -> None:
    data = image(image_size=image_size, payload=bytes(length))
    assert Image.parse(data).image_size_bytes == max(image_size, len(data))


def test_a_big_endian_kernel_is_refused() -> None:
    with pytest.raises(BoardError, match="big-endian"):
        Image.parse(image(flags=1))


def at(offset: int, signature: bytes) -> bytes:
    return bytes(offset) + signature + bytes(1024)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (image()[:63], "the file has 63 bytes, and the header alone has 64"),
        (bytes(64), "magic 00000000 at offset 56, expected 41524d64"),
        (at(0, b"\x1f\x8b\x08"), "gzip data"),
        (at(0, b"\x28\xb5\x2f\xfd"), "zstd data"),
        (at(0, b"\xfd7zXZ\0"), "xz data"),
        (at(0, b"\x7fELF\x02\x01"), "an ELF file"),
        (b"\x7fELF", "an ELF file"),
        (at(514, b"HdrS"), "an x86 bzImage: this machine is arm64"),
        (b"MZ" + at(512, b"HdrS"), "an x86 bzImage: this machine is arm64"),
        (at(36, b"\x18\x28\x6f\x01"), "a 32-bit Arm zImage"),
        (b"MZ\0\0zimg" + bytes(100), "a compressed EFI image"),
        (at(0, b"MZ"), "an EFI program"),
        (at(0, b"\xd0\x0d\xfe\xed"), "a device tree"),
    ],
)
def test_an_error_says_what_the_file_is_instead(data: bytes, message: str) -> None:
    with pytest.raises(BoardError, match=message):
        Image.parse(data)


@given(st.binary(max_size=600))
def test_any_bytes_give_an_image_or_a_board_error(data: bytes) -> None:
    with contextlib.suppress(BoardError):
        assert Image.parse(data).data == data


def efi_image(text_bytes: int, data_bytes: int, missing: int = 0) -> bytes:
    """An image that is an EFI program too, with two sections behind its headers."""
    coff = b"PE\0\0" + struct.pack("<2H3I2H", 0xAA64, 2, 0, 0, 0, 16, 0) + bytes(16)
    start = 64 + len(coff) + 2 * 40
    sections = b"".join(
        struct.pack("<8s4I16x", name, size, 0, size, at)
        for name, size, at in (
            (b".text", text_bytes, start),
            (b".data", data_bytes, start + text_bytes),
        )
    )
    data = image(payload=coff + sections + bytes(text_bytes + data_bytes))
    return data[: len(data) - missing]


def test_an_image_with_all_of_its_sections_is_whole() -> None:
    """Though the RAM that it needs is more than the file has."""
    data = efi_image(100, 50)
    assert Image.parse(data).image_size_bytes == 0x1000
    assert Image.parse(data + b"signature").data == data + b"signature"


@pytest.mark.parametrize("missing", [1, 50, 149, 150 + 79])
def test_an_image_that_is_cut_off_is_refused(missing: int) -> None:
    with pytest.raises(BoardError, match="cut off"):
        Image.parse(efi_image(100, 50, missing))
