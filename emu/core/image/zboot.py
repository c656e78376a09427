"""EFI zboot: a kernel that is an EFI program which unpacks the Image that it carries.

Source: Linux v6.1, `drivers/firmware/efi/libstub/zboot-header.S` and `Makefile.zboot`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Self

from emu.core.image.compressed import COMPRESSIONS, Compression, unpack
from emu.core.image.pe import PeHeaders
from emu.errors import BoardError

_HEADER: Final = struct.Struct("<2s2x4s2I8x32s")
"""MZ, image type, offset and size of the payload, compression type."""
_IMAGE_TYPE: Final = b"zimg"
_BY_TYPE: Final = {
    **{known.name: known for known in COMPRESSIONS},
    "xzkern": next(known for known in COMPRESSIONS if known.name == "xz"),
    "zstd22": next(known for known in COMPRESSIONS if known.name == "zstd"),
}
"""Compression types as the header names them."""


@dataclass(frozen=True, slots=True)
class Zboot:
    """What the header says.

    Attributes:
        offset: where the packed Image is in the file, in bytes.
        payload: the packed Image.
        compression: how it is packed.
    """

    offset: int
    payload: bytes
    compression: Compression

    @classmethod
    def find(cls, data: bytes) -> Self | None:
        """Read the header of a whole file; None if it is not one of these.

        Raises:
            BoardError: it is cut off, for another machine, or packed in an unknown way.
        """
        if data[:2] != b"MZ" or data[4:8] != _IMAGE_TYPE:
            return None
        if len(data) < _HEADER.size:
            raise BoardError(f"an EFI zboot kernel that is cut off, at {len(data)} bytes")
        _check_program(data)
        _, _, offset, size_bytes, name = _HEADER.unpack_from(data)
        if offset + size_bytes > len(data):
            raise BoardError(
                f"an EFI zboot kernel that is cut off: the file has {len(data)} bytes, and its "
                f"payload ends at {offset + size_bytes}; get the file again"
            )
        return cls(offset, data[offset : offset + size_bytes], _compression(name))

    def unpack(self) -> bytes:
        """The Image. Raises `BoardError` if it can't be had."""
        size_bytes, tool = len(self.payload), self.compression.tool
        by_hand = f"tail -c +{self.offset + 1} FILE | head -c {size_bytes} | {tool} > Image"
        return unpack(self.payload, self.compression, by_hand=by_hand)


def _check_program(data: bytes) -> None:
    headers = PeHeaders.find(data)
    if headers is None:
        return
    if headers.machine_name != "arm64":
        raise BoardError(f"an EFI zboot kernel for {headers.machine_name}: this machine is arm64")
    headers.check_whole(data)


def _compression(name: bytes) -> Compression:
    text = name.split(b"\0")[0].decode("ascii", "backslashreplace")
    if text not in _BY_TYPE:
        known = ", ".join(_BY_TYPE)
        raise BoardError(f"an EFI zboot kernel packed by {text!r}; known: {known}")
    return _BY_TYPE[text]
