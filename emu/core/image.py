"""The arm64 Linux kernel image: where it goes in RAM.

Source: Linux v6.10, `Documentation/arch/arm64/booting.rst`, "Call the kernel image".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Self

from emu.arch.bits import Register, bit, bits
from emu.errors import BoardError

MAGIC: Final = b"ARM\x64"
MAGIC_OFFSET: Final = 56
BASE_ALIGNMENT_BYTES: Final = 0x20_0000

_HEADER: Final = struct.Struct("<2I6Q4sI")
_TEXT_OFFSET_BEFORE_3_17: Final = 0x8_0000

_PE_SIGNATURE: Final = b"PE\0\0"
_COFF_HEADER: Final = struct.Struct("<4x2xH12xH2x")
"""Signature, then number of sections and size of the optional header (PE format, 3.3)."""
_COFF_SECTION: Final = struct.Struct("<16x2I16x")
"""Size of the section's data and where in the file it is (PE format, 4)."""

_OTHER_FORMATS: Final = (
    (0, b"\x1f\x8b", "gzip data (an Image.gz?): decompress it first"),
    (0, b"\x28\xb5\x2f\xfd", "zstd data: decompress it first"),
    (0, b"\xfd7zXZ\0", "xz data: decompress it first"),
    (0, b"\x7fELF", "an ELF file (a vmlinux?): give arch/arm64/boot/Image"),
    (4, b"zimg", "a compressed EFI image (vmlinuz.efi): give arch/arm64/boot/Image"),
    (514, b"HdrS", "an x86 bzImage: this machine is arm64"),
    (36, b"\x18\x28\x6f\x01", "a 32-bit Arm zImage: this machine is arm64"),
    (0, b"\xd0\x0d\xfe\xed", "a device tree"),
)
"""What else a file may be: offset and bytes that tell, and what to say. The first match counts."""


class ImageFlags(Register):
    """The header's flags."""

    PLACEMENT = bit(3, {0: "near the base of RAM", 1: "anywhere"})
    PAGE_SIZE = bits(2, 1, {0: "unspecified", 1: "4K", 2: "16K", 3: "64K"})
    BIG_ENDIAN = bit(0)


@dataclass(frozen=True, slots=True)
class Image:
    """A kernel image.

    Attributes:
        data: the file, which is loaded as it is.
        text_offset: distance in bytes from a 2 MiB-aligned base to where it goes.
        image_size_bytes: RAM from there on that the kernel needs, at least `len(data)`.
        flags: see `ImageFlags`.
    """

    data: bytes
    text_offset: int
    image_size_bytes: int
    flags: ImageFlags

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the header of `data`, a whole file.

        Raises:
            BoardError: it is not an arm64 Image (the message says what it is instead, where that
                can be told), one that was cut off, or not a little-endian one.
        """
        if len(data) < _HEADER.size or data[MAGIC_OFFSET : MAGIC_OFFSET + 4] != MAGIC:
            raise BoardError(f"not an arm64 kernel Image: {_what_it_is(data)}")
        _, _, text_offset, image_size_bytes, flags, *_ = _HEADER.unpack_from(data)
        _check_whole(data)
        if image_size_bytes == 0:
            # Before v3.17 the endianness of text_offset was not specified, and this its value.
            text_offset = _TEXT_OFFSET_BEFORE_3_17
        if ImageFlags(flags).BIG_ENDIAN:
            raise BoardError("a big-endian arm64 kernel Image: this machine is little-endian")
        return cls(data, text_offset, max(image_size_bytes, len(data)), ImageFlags(flags))

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


def _check_whole(data: bytes) -> None:
    """Refuse an image of which the end is missing, if it has the header of an EFI program.

    That tells where its sections end, which is where the file does; the other header tells only how
    much RAM it needs (Linux v6.10, `arch/arm64/kernel/efi-header.S`).
    """
    *_, pe_offset = _HEADER.unpack_from(data)
    if data[pe_offset : pe_offset + len(_PE_SIGNATURE)] != _PE_SIGNATURE:
        return
    try:
        count, optional_bytes = _COFF_HEADER.unpack_from(data, pe_offset)
        table = pe_offset + _COFF_HEADER.size + optional_bytes
        places = (table + n * _COFF_SECTION.size for n in range(count))
        end = max((sum(_COFF_SECTION.unpack_from(data, at)) for at in places), default=0)
    except struct.error:
        raise BoardError(
            f"an arm64 kernel Image that is cut off in its headers, at {len(data)} bytes: "
            "get the file again"
        ) from None
    if end > len(data):
        raise BoardError(
            f"an arm64 kernel Image that is cut off: the file has {len(data)} bytes, and its "
            f"sections end at {end}; get the file again"
        )


def _what_it_is(data: bytes) -> str:
    if not data:
        return "the file is empty"
    for offset, signature, description in _OTHER_FORMATS:
        if data[offset : offset + len(signature)] == signature:
            return f"it is {description}"
    if len(data) < _HEADER.size:
        return f"the file has {len(data)} bytes, and the header alone has {_HEADER.size}"
    if data.startswith(b"MZ"):
        return "it is an EFI program without an arm64 Linux header"
    found = data[MAGIC_OFFSET : MAGIC_OFFSET + 4].hex()
    return f"magic {found} at offset {MAGIC_OFFSET}, expected {MAGIC.hex()}"
