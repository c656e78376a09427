"""Kernel files, put together by what their headers are documented to have."""

from __future__ import annotations

import struct

ARM64, X86_64, RISCV64 = 0xAA64, 0x8664, 0x5064


def image(
    text_offset: int = 0, image_size: int = 0x1000, flags: int = 0xA, payload: bytes = b""
) -> bytes:
    """A file with the header of `booting.rst`, which begins with a branch behind it."""
    return _header(0x1400_0010, text_offset, image_size, flags, 0) + payload


def _header(code: int, text_offset: int, image_size: int, flags: int, pe_offset: int) -> bytes:
    fields = (code, 0, text_offset, image_size, flags, 0, 0, 0, b"ARMd", pe_offset)
    return struct.pack("<2I6Q4sI", *fields)


def coff(machine: int, at: int, text_bytes: int, data_bytes: int) -> bytes:
    """The headers of an EFI program that are at offset `at`, for two sections behind them."""
    header = b"PE\0\0" + struct.pack("<2H3I2H", machine, 2, 0, 0, 0, 16, 0) + bytes(16)
    start = at + len(header) + 2 * 40
    return header + b"".join(
        struct.pack("<8s4I16x", name, size, 0, size, place)
        for name, size, place in (
            (b".text", text_bytes, start),
            (b".data", data_bytes, start + text_bytes),
        )
    )


def efi_image(text_bytes: int, data_bytes: int) -> bytes:
    """An Image that is an EFI program too: its first instruction begins with the letters MZ."""
    header = _header(0xFA40_5A4D, 0, 0x1000, 0xA, 64)
    return header + coff(ARM64, 64, text_bytes, data_bytes) + bytes(text_bytes + data_bytes)


def efi_program(machine: int, *, first: bytes = b"") -> bytes:
    """An EFI program that is no kernel; it begins with `first`."""
    dos = b"MZ" + first[2:] + bytes(58 - len(first[2:])) + struct.pack("<I", 64)
    return dos + coff(machine, 64, 8, 8) + bytes(16)


def zboot(
    packed: bytes, compression: bytes, *, machine: int = ARM64, unpacked_size: int | None = None
) -> bytes:
    """An EFI zboot kernel, as Linux v6.1 lays it out in `zboot-header.S`: the payload is in .text.

    All but gzip have the size of what is unpacked behind the payload, which the header leaves out.
    """
    trailer = b"" if unpacked_size is None else struct.pack("<I", unpacked_size)
    headers = coff(machine, 64, len(packed) + len(trailer), 16)
    offset = 64 + len(headers)
    dos = struct.pack(
        "<2s2x4s2I8x32s2I", b"MZ", b"zimg", offset, len(packed), compression, 0x818223CD, 64
    )
    return dos + headers + packed + trailer + bytes(16)
