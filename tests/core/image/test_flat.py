"""A file without a header is a flat program, if it begins with an instruction."""

from __future__ import annotations

import gzip
import struct

import pytest

from emu.core.image import Image
from emu.errors import BoardError
from tests import a64
from tests.core.image.kernels import image


def program(first: int) -> bytes:
    return struct.pack("<I", first) + bytes(100)


@pytest.mark.parametrize(
    "first",
    [
        0x9000_0004,  # adrp x4, .
        0x1400_0010,  # b
        0xD538_4240,  # mrs x0, CurrentEL
        0x5800_0061,  # ldr x1, .+12: two of its bytes are characters
        0xD280_0000,  # mov x0, #0
        a64.NOP,
    ],
)
def test_what_begins_with_an_instruction_is_a_flat_program(first: int) -> None:
    """It goes where QEMU puts it."""
    data = program(first)
    parsed = Image.parse(data)
    assert (parsed.is_flat, parsed.data) == (True, data)
    assert parsed.load_address(0x8020_0000) == 0x8028_0000
    assert parsed.image_size_bytes == len(data)


@pytest.mark.parametrize(
    "data",
    [
        program(0),  # udf
        program(0x0400_0000),  # SVE
        program(0x8080_0000),  # SME
        b"console=ttyS0 panic=1\n".ljust(100),
        b"\n\nif [ -e /etc ]; then\n".ljust(100),
        program(a64.NOP)[:63],
    ],
    ids=["zeros", "SVE", "SME", "words", "script", "cut"],
)
def test_what_does_not_is_refused(data: bytes) -> None:
    with pytest.raises(BoardError, match="not an arm64 kernel Image"):
        Image.parse(data)


def test_a_kernel_is_no_flat_program() -> None:
    assert not Image.parse(image()).is_flat


def test_a_flat_program_may_be_packed() -> None:
    assert Image.parse(gzip.compress(program(a64.NOP))) == Image.parse(program(a64.NOP))
