"""The arm64 Linux kernel image: where it goes in RAM.

Source: Linux v6.10, `Documentation/arch/arm64/booting.rst`, "Call the kernel image".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from emu.arch.bits import Register, bit, bits
from emu.core.image import flat
from emu.core.image.compressed import SIZE_MAX_BYTES, find_compression, unpack
from emu.core.image.foreign import what_it_is
from emu.core.image.pe import PeHeaders
from emu.core.image.zboot import Zboot
from emu.errors import BoardError

MAGIC: Final = b"ARM\x64"
MAGIC_OFFSET: Final = 56
BASE_ALIGNMENT_BYTES: Final = 0x20_0000

_HEADER: Final = struct.Struct("<2I6Q4sI")
_TEXT_OFFSET_BEFORE_3_17: Final = 0x8_0000


class ImageFlags(Register):
    """The header's flags."""

    PLACEMENT = bit(3, {0: "near the base of RAM", 1: "anywhere"})
    PAGE_SIZE = bits(2, 1, {0: "unspecified", 1: "4K", 2: "16K", 3: "64K"})
    BIG_ENDIAN = bit(0)


@dataclass(frozen=True, slots=True)
class Image:
    """A kernel image.

    Attributes:
        data: the Image, unpacked, which is loaded as it is.
        text_offset: distance in bytes from a 2 MiB-aligned base to where it goes.
        image_size_bytes: RAM from there on that the kernel needs, at least `len(data)`.
        flags: see `ImageFlags`.
        is_flat: it is no kernel but a flat program, without a header to tell all this.
    """

    data: bytes
    text_offset: int
    image_size_bytes: int
    flags: ImageFlags
    is_flat: bool = False

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a kernel's file, as `parse` does.

        Raises:
            BoardError: as for `parse`.
            OSError: it can't be read.
        """
        with path.open("rb") as file:
            return cls.parse(file.read(SIZE_MAX_BYTES + 1))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read `data`, a whole file: an Image, a compressed one, an EFI zboot kernel; or flat code.

        Raises:
            BoardError: there is neither an arm64 Image in it nor a flat program (the message says
                what it is instead, where that can be told), or an Image that was cut off, is
                big-endian, or is larger than `SIZE_MAX_BYTES`.
        """
        if len(data) > SIZE_MAX_BYTES:
            raise BoardError(f"more than {SIZE_MAX_BYTES} bytes: no kernel is that large")
        image, where = (data, "the file") if _is_image(data) else _unpacked(data)
        if not _is_image(image):
            wrong = _what_is_wrong(image)
            if wrong is None:
                return cls(image, flat.TEXT_OFFSET, len(image), ImageFlags(), is_flat=True)
            raise BoardError(f"not an arm64 kernel Image: {where} {wrong}")
        _, _, text_offset, image_size_bytes, flags, *_ = _HEADER.unpack_from(image)
        headers = PeHeaders.find(image)
        if headers is not None:
            headers.check_whole(image)
        if image_size_bytes == 0:
            # Before v3.17 the endianness of text_offset was not specified, and this its value.
            text_offset = _TEXT_OFFSET_BEFORE_3_17
        if ImageFlags(flags).BIG_ENDIAN:
            raise BoardError("a big-endian arm64 kernel Image: this machine is little-endian")
        return cls(image, text_offset, max(image_size_bytes, len(image)), ImageFlags(flags))

    def load_address(self, base: int) -> int:
        """Where the image goes, which is also its entry, given the base to count from.

        Raises:
            BoardError: `base` is not a multiple of 2 MiB.
        """
        if base % BASE_ALIGNMENT_BYTES:
            raise BoardError(
                f"a kernel can't be loaded relative to {base:#x}; "
                f"give a multiple of {BASE_ALIGNMENT_BYTES:#x}"
            )
        return base + self.text_offset


def _is_image(data: bytes) -> bool:
    return len(data) >= _HEADER.size and data.startswith(MAGIC, MAGIC_OFFSET)


def _unpacked(data: bytes) -> tuple[bytes, str]:
    """What is packed in `data`, and what to call it; `data` themselves if nothing is."""
    zboot = Zboot.find(data)
    if zboot is not None:
        return zboot.unpack(), "the payload of the EFI zboot kernel"
    compression = find_compression(data)
    if compression is not None:
        return unpack(data, compression), f"what the {compression.name} data hold"
    return data, "the file"


def _what_is_wrong(data: bytes) -> str | None:
    """Why `data`, which are no Image, are no flat program either; None if they are one."""
    known = what_it_is(data)
    if known is not None:
        return f"is {known}"
    if len(data) < _HEADER.size:
        return f"has {len(data)} bytes, and the header alone has {_HEADER.size}"
    if flat.is_flat_program(data):
        return None
    found = data[MAGIC_OFFSET : MAGIC_OFFSET + len(MAGIC)].hex()
    return f"has {found} at offset {MAGIC_OFFSET}, expected {MAGIC.hex()}"
