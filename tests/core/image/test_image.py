"""The arm64 kernel image's header."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.core.image import Image
from emu.core.image import image as header
from emu.errors import BoardError
from tests.core.image.kernels import efi_image, image


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


@given(st.binary(max_size=600))
def test_any_bytes_give_an_image_or_a_board_error(data: bytes) -> None:
    with contextlib.suppress(BoardError):
        assert Image.parse(data).data == data


def test_an_image_with_all_of_its_sections_is_whole() -> None:
    """Though the RAM that it needs is more than the file has."""
    data = efi_image(100, 50)
    assert Image.parse(data).image_size_bytes == 0x1000
    assert Image.parse(data + b"signature").data == data + b"signature"


def test_an_image_that_is_cut_off_anywhere_is_refused() -> None:
    """In its header, in those of the EFI program and in its sections."""
    data = efi_image(100, 50)
    for length in range(len(data)):
        with pytest.raises(BoardError, match=r"cut off|the file is empty|the file has \d+ bytes"):
            Image.parse(data[:length])


def test_an_image_is_loaded_from_a_file_of_any_form(tmp_path: Path) -> None:
    path = tmp_path / "vmlinuz"
    for data in (efi_image(100, 50), gzip.compress(efi_image(100, 50))):
        path.write_bytes(data)
        assert Image.load(path).data == efi_image(100, 50)


def test_a_file_without_an_end_is_read_to_the_limit_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse file of more bytes than there is memory for stands for it."""
    monkeypatch.setattr(header, "SIZE_MAX_BYTES", 0x1000)
    path = tmp_path / "endless"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BoardError, match="more than 4096 bytes: no kernel is that large"):
        Image.load(path)
