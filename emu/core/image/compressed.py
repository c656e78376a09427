"""Compressed data: found out by how they begin, and unpacked within bounds.

What Linux makes of an Image is a file of one of these kinds (v6.12, `arch/arm64/boot/Makefile`).
"""

from __future__ import annotations

import bz2
import importlib
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from emu.errors import BoardError

SIZE_MAX_BYTES: Final = 512 << 20
"""The largest kernel, unpacked. While it is unpacked it may be in memory twice."""

_WINDOW_MAX_BYTES: Final = 256 << 20
"""Memory for a decompressor itself; Linux packs with windows of up to 128 MiB."""

_GZIP_ONLY: Final = 16 + zlib.MAX_WBITS
"""The window size for zlib that says: gzip's header and trailer are expected."""


class Decompressor(Protocol):
    """One stream, as the modules of the standard library have it."""

    @property
    def eof(self) -> bool:
        """The end of the stream has come."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Unpack `data`, but give at most so many bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """A kind of compressed data.

    Attributes:
        name: what it is called.
        signature: the bytes that it begins with.
        tool: the command that unpacks such data from stdin to stdout.
        begin: makes the decompressor of one stream; None if this Python has none.
    """

    name: str
    signature: bytes
    tool: str
    begin: Callable[[], Decompressor] | None = None


try:
    _ZSTD: Any = importlib.import_module("compression.zstd")  # Python has it since 3.14
except ImportError:
    _ZSTD = None

COMPRESSIONS: Final = (
    Compression(
        name="gzip", signature=b"\x1f\x8b", tool="gzip -d",
        begin=lambda: zlib.decompressobj(_GZIP_ONLY),
    ),
    Compression(name="bzip2", signature=b"BZh", tool="bzip2 -d", begin=bz2.BZ2Decompressor),
    Compression(
        name="xz", signature=b"\xfd7zXZ\0", tool="xz -d",
        begin=lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _WINDOW_MAX_BYTES),
    ),
    Compression(
        name="lzma", signature=b"\x5d\0\0", tool="xz -d --format=lzma",
        begin=lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _WINDOW_MAX_BYTES),
    ),
    Compression(
        name="zstd", signature=b"\x28\xb5\x2f\xfd", tool="zstd -d",
        begin=_ZSTD and _ZSTD.ZstdDecompressor,
    ),
    Compression(name="lz4", signature=b"\x04\x22\x4d\x18", tool="lz4 -d"),
    Compression(name="lz4", signature=b"\x02\x21\x4c\x18", tool="lz4 -d"),
    Compression(name="lzo", signature=b"\x89LZO\0\r\n\x1a\n", tool="lzop -d"),
)  # fmt: skip
"""Every kind; lz4 has two, of which the second is the one that Linux uses."""

_BROKEN: Final = (
    zlib.error,
    lzma.LZMAError,
    OSError,
    MemoryError,
    *([_ZSTD.ZstdError] if _ZSTD else []),
)
"""What the decompressors raise of data that they can't unpack; bz2's is an OSError."""


def find_compression(data: bytes) -> Compression | None:
    """How `data` are compressed; None if they are not, as far as their beginning tells."""
    return next((known for known in COMPRESSIONS if data.startswith(known.signature)), None)


def unpack(
    data: bytes,
    compression: Compression,
    *,
    by_hand: str | None = None,
    limit_bytes: int = SIZE_MAX_BYTES,
) -> bytes:
    """What `data` hold. What follows their first stream is ignored, as boot loaders do.

    Args:
        data: the packed bytes.
        compression: their kind.
        by_hand: the command to recommend where this fails; the tool of that kind by default.
        limit_bytes: the most that they may hold.

    Raises:
        BoardError: they are cut off, damaged or hold more than that, or this Python can't unpack
            them.
    """
    name, by_hand = compression.name, by_hand or f"{compression.tool} < FILE > Image"
    if compression.begin is None:
        raise BoardError(f"{name} data, which this Python can't unpack: do it by `{by_hand}`")
    stream = compression.begin()
    try:
        unpacked = stream.decompress(data, limit_bytes + 1)
    except _BROKEN as error:
        raise BoardError(
            f"{name} data that can't be unpacked ({error or 'too little memory'}): get the file "
            f"again, or try `{by_hand}`"
        ) from None
    if len(unpacked) > limit_bytes:
        raise BoardError(
            f"{name} data with more than {limit_bytes} bytes in them: no kernel is that large"
        )
    if not stream.eof:
        raise BoardError(
            f"{name} data that are cut off, behind {len(unpacked)} unpacked bytes: "
            "get the file again"
        )
    return unpacked
