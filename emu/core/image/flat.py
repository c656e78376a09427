"""Flat programs: code from the first byte on, with no header to say so, as bare-metal tests are.

QEMU takes any file that is nothing else for one (v7.2, `load_aarch64_image` in `hw/arm/boot.c`).
Here it must begin with an instruction too, so that a wrong file is told and not executed.
"""

from __future__ import annotations

import string
import struct
from typing import Final

TEXT_OFFSET: Final = 0x8_0000
"""Where it goes, from a 2 MiB-aligned base: KERNEL64_LOAD_ADDR of QEMU v7.2, `hw/arm/boot.c`."""

_WORD: Final = struct.Struct("<I")
_GROUP: Final = 0xF << 25
_LOWEST_GROUP: Final = 0b0100 << 25
"""Bits 28:25 tell the group of an instruction. Those below are reserved, UDF among them, or SVE and
SME, which the processor lacks (DDI 0487 K.a, C4.1)."""

_TEXT: Final = frozenset(string.printable.encode())


def is_flat_program(data: bytes) -> bool:
    """Whether `data`, which are nothing that is known, begin with an A64 instruction.

    Four characters of text are none, though they often would be one.
    """
    if len(data) < _WORD.size:
        return False
    (word,) = _WORD.unpack_from(data)
    return word & _GROUP >= _LOWEST_GROUP and not _TEXT.issuperset(data[: _WORD.size])
