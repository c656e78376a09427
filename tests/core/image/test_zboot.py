"""An EFI zboot kernel is the Image that it carries."""

from __future__ import annotations

import contextlib
import gzip
import lzma
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware
from emu.core.image import Image
from emu.errors import BoardError
from tests.core.image.kernels import ARM64, RISCV64, efi_image, zboot

GUEST = firmware.load("heartbeat").image
FORMS = {
    b"gzip": gzip.compress(GUEST),
    b"lzma": lzma.compress(GUEST, lzma.FORMAT_ALONE),
    b"xzkern": lzma.compress(GUEST, check=lzma.CHECK_CRC32),
}


@pytest.mark.parametrize("compression", FORMS)
def test_the_payload_is_the_kernel(compression: bytes) -> None:
    """In all but gzip the size of what is unpacked follows the payload."""
    size = None if compression == b"gzip" else len(GUEST)
    data = zboot(FORMS[compression], compression, unpacked_size=size)
    assert Image.parse(data) == Image.parse(GUEST)


def test_a_zboot_kernel_that_is_cut_off_anywhere_is_refused() -> None:
    data = zboot(gzip.compress(efi_image(100, 50)), b"gzip")
    assert Image.parse(data)
    for length in range(8, len(data)):
        with pytest.raises(BoardError, match="cut off"):
            Image.parse(data[:length])


def test_a_payload_beyond_the_end_of_a_file_without_sections_is_refused() -> None:
    data = bytearray(zboot(FORMS[b"gzip"], b"gzip"))
    data[64:68] = bytes(4)
    data[12:16] = len(data).to_bytes(4, "little")
    with pytest.raises(BoardError, match=r"cut off: the file has \d+ bytes, and its payload ends"):
        Image.parse(bytes(data))


def test_a_payload_that_is_cut_off_in_itself_is_refused() -> None:
    with pytest.raises(BoardError, match=r"gzip data that are cut off"):
        Image.parse(zboot(FORMS[b"gzip"][:-9], b"gzip"))


def test_a_zboot_kernel_for_another_machine_is_refused() -> None:
    data = zboot(FORMS[b"gzip"], b"gzip", machine=RISCV64)
    with pytest.raises(BoardError, match="EFI zboot kernel for RISC-V: this machine is arm64"):
        Image.parse(data)


def test_a_payload_that_is_no_image_is_refused() -> None:
    with pytest.raises(BoardError, match=r"the payload of the EFI zboot kernel has 00000000 at"):
        Image.parse(zboot(gzip.compress(bytes(100)), b"gzip"))


def test_an_unknown_compression_is_refused_by_its_name() -> None:
    with pytest.raises(BoardError, match=r"packed by 'brotli'; known: gzip, "):
        Image.parse(zboot(b"", b"brotli"))


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell to try the command in")
@pytest.mark.parametrize("compression", [b"lz4", b"lzo"])
def test_what_can_not_be_unpacked_is_refused_with_a_command_that_takes_it_out(
    compression: bytes, tmp_path: Path
) -> None:
    """The command is tried, without the tool at its end."""
    data = zboot(b"a packed kernel", compression, unpacked_size=99)
    with pytest.raises(BoardError) as raised:
        Image.parse(data)
    command = str(raised.value).split("`")[1]
    (tmp_path / "FILE").write_bytes(data)
    take, _, tool = command.rpartition(" | ")
    done = subprocess.run(["sh", "-c", take], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout == b"a packed kernel"
    assert tool.split()[0] in {"lz4", "lzop"}


@given(
    offset=st.integers(0, 0xFFFF_FFFF),
    size=st.integers(0, 0xFFFF_FFFF),
    name=st.binary(max_size=32),
    machine=st.sampled_from([ARM64, RISCV64, 0]),
)
def test_any_header_gives_an_image_or_a_board_error(
    offset: int, size: int, name: bytes, machine: int
) -> None:
    data = bytearray(zboot(FORMS[b"gzip"], name, machine=machine))
    data[8:16] = offset.to_bytes(4, "little") + size.to_bytes(4, "little")
    with contextlib.suppress(BoardError):
        Image.parse(bytes(data))
