"""Of a file that is no kernel for this machine it is told what it is, and what to do."""

from __future__ import annotations

import gzip
import struct

import pytest

from emu.core.image import Image
from emu.core.image.foreign import what_it_is
from emu.errors import BoardError
from tests.core.image.kernels import ARM64, RISCV64, X86_64, efi_program, image


def at(offset: int, signature: bytes) -> bytes:
    return bytes(offset) + signature + bytes(1100)


def elf(machine: int, order: str = "<") -> bytes:
    ident = b"\x7fELF" + bytes([2, 2 if order == ">" else 1, 1]) + bytes(9)
    return ident + struct.pack(f"{order}2H", 2, machine) + bytes(100)


FOREIGN = [
    (b"", "the file is empty"),
    (image()[:63], "the file has 63 bytes, and the header alone has 64"),
    (bytes(64), "the file has 00000000 at offset 56, expected 41524d64"),
    (
        b"#!/bin/sh\nexec qemu-system-aarch64 -kernel Image -append quiet more\n",
        "at offset 56, expected",
    ),
    (elf(183), "an arm64 ELF file (a vmlinux?): make an Image of it, `objcopy -O binary"),
    (elf(183, ">"), "a big-endian arm64 ELF file"),
    (elf(62), "an ELF file for x86_64: this machine is arm64"),
    (elf(21, ">"), "an ELF file for 64-bit PowerPC: this machine is arm64"),
    (elf(0x1234), "an ELF file for machine 4660"),
    (b"\x7fELF", "an ELF file that is cut off, at 4 bytes"),
    (at(514, b"HdrS"), "an x86 bzImage: this machine is arm64"),
    (efi_program(X86_64)[:64] + at(450, b"HdrS"), "an x86 bzImage: this machine is arm64"),
    (at(36, b"\x18\x28\x6f\x01"), "a 32-bit Arm zImage: this machine is arm64"),
    (at(56, b"RSC\x05"), "a RISC-V Image: this machine is arm64"),
    (efi_program(X86_64), "an EFI program for x86_64: this machine is arm64"),
    (efi_program(RISCV64), "an EFI program for RISC-V: this machine is arm64"),
    (efi_program(0x1234), "an EFI program for machine type 0x1234: this machine is arm64"),
    (efi_program(ARM64), "an EFI program for arm64 without the header of a kernel"),
    (efi_program(ARM64)[:100], "an EFI program that is cut off in its headers, at 100 bytes"),
    (at(0, b"\xd0\x0d\xfe\xed"), "a device tree"),
    (at(0, b"\x27\x05\x19\x56"), "a uImage of U-Boot"),
    (at(0, b"070701"), "a cpio archive: give it as the initial RAM disk"),
    (at(0, b"!<arch>\n"), "a Debian package"),
    (at(257, b"ustar"), "a tar archive"),
    (at(0, b"hsqs"), "a squashfs, which is a disk and no kernel"),
    (at(1080, b"\x53\xef"), "file system, which is a disk and no kernel"),
]


@pytest.mark.parametrize(("data", "message"), FOREIGN, ids=[message for _, message in FOREIGN])
def test_an_error_says_what_the_file_is_instead(data: bytes, message: str) -> None:
    with pytest.raises(BoardError) as raised:
        Image.parse(data)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_what_is_wrong_is_told_of_what_was_compressed_too() -> None:
    """Initial RAM disks mostly are."""
    with pytest.raises(BoardError, match="what the gzip data hold is a cpio archive: give it as"):
        Image.parse(gzip.compress(at(0, b"070701")))


def test_what_can_not_be_told_is_not_made_up() -> None:
    assert what_it_is(bytes(2000)) is None
