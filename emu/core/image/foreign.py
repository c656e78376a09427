"""What a file is that is no arm64 kernel, and what to do about it."""

from __future__ import annotations

import struct
from typing import Final

from emu.core.image.compressed import find_compression
from emu.core.image.pe import PeHeaders

_INITRD: Final = "a cpio archive: give it as the initial RAM disk"
_DISK: Final = "which is a disk and no kernel"

_SIGNATURES: Final = (
    (514, b"HdrS", "an x86 bzImage: this machine is arm64"),
    (36, b"\x18\x28\x6f\x01", "a 32-bit Arm zImage: this machine is arm64"),
    (56, b"RSC\x05", "a RISC-V Image: this machine is arm64"),
    (0, b"\xd0\x0d\xfe\xed", "a device tree, or a FIT image of U-Boot: take the kernel out of it"),
    (0, b"\x27\x05\x19\x56", "a uImage of U-Boot: take the kernel out of it, `tail -c +65`"),
    (0, b"070701", _INITRD),
    (0, b"070702", _INITRD),
    (0, b"070707", _INITRD),
    (0, b"!<arch>\n", "a Debian package or an archive: the kernel is a file in it"),
    (0, b"\xed\xab\xee\xdb", "an RPM package: the kernel is a file in it"),
    (257, b"ustar", "a tar archive: the kernel may be a file in it"),
    (0, b"hsqs", f"a squashfs, {_DISK}"),
    (0, b"QFI\xfb", f"a qcow2 image, {_DISK}"),
    (1080, b"\x53\xef", f"an ext2, ext3 or ext4 file system, {_DISK}"),
)
"""Offset and bytes that tell, and what to say. The first match counts.

An x86 or Arm kernel is an EFI program too, so these come before programs.
"""

_ELF: Final = b"\x7fELF"
_ELF_BIG_ENDIAN: Final = 2
_ELF_ARM64: Final = 183
_ELF_MACHINES: Final = {
    3: "32-bit x86",
    21: "64-bit PowerPC",
    22: "S/390",
    40: "32-bit Arm",
    62: "x86_64",
    243: "RISC-V",
    258: "LoongArch",
}
"""Values of e_machine (System V ABI, "ELF Header")."""


def what_it_is(data: bytes) -> str | None:
    """What `data` are, in words that follow "it is"; None if that can't be told.

    Raises:
        BoardError: they are an EFI program that is cut off in its headers.
    """
    if not data:
        return "empty"
    compression = find_compression(data)
    if compression is not None:
        return f"{compression.name} data: unpack them, `{compression.tool}`"
    if data.startswith(_ELF):
        return _elf(data)
    for offset, signature, description in _SIGNATURES:
        if data.startswith(signature, offset):
            return description
    headers = PeHeaders.find(data)
    return None if headers is None else _program(headers)


def _elf(data: bytes) -> str:
    """By e_machine, 16 bits at offset 18, in the byte order that byte 5 tells."""
    if len(data) < 20:
        return f"an ELF file that is cut off, at {len(data)} bytes"
    big_endian = data[5] == _ELF_BIG_ENDIAN
    (machine,) = struct.unpack_from(">H" if big_endian else "<H", data, 18)
    if machine != _ELF_ARM64:
        name = _ELF_MACHINES.get(machine, f"machine {machine}")
        return f"an ELF file for {name}: this machine is arm64"
    if big_endian:
        return "a big-endian arm64 ELF file: this machine is little-endian"
    return "an arm64 ELF file (a vmlinux?): make an Image of it, `objcopy -O binary FILE Image`"


def _program(headers: PeHeaders) -> str:
    if headers.machine_name != "arm64":
        return f"an EFI program for {headers.machine_name}: this machine is arm64"
    return (
        "an EFI program for arm64 without the header of a kernel (a boot loader, or a unified "
        "kernel image?): give the Image"
    )
