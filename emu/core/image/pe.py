"""The headers of an EFI program, which a kernel may be as well: its machine, and where it ends.

Source: Microsoft, "PE Format", 3 (COFF file header) and 4 (section table).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Self

from emu.errors import BoardError

MACHINE_ARM64: Final = 0xAA64
MACHINES: Final = {
    MACHINE_ARM64: "arm64",
    0x014C: "32-bit x86",
    0x8664: "x86_64",
    0x01C0: "32-bit Arm",
    0x01C2: "32-bit Arm",
    0x01C4: "32-bit Arm",
    0x5032: "32-bit RISC-V",
    0x5064: "RISC-V",
    0x6232: "32-bit LoongArch",
    0x6264: "LoongArch",
}
"""Names of machine types (PE Format, "Machine Types")."""

_DOS_SIGNATURE: Final = b"MZ"
_PE_OFFSET: Final = struct.Struct("<60xI")
_SIGNATURE: Final = b"PE\0\0"
_COFF_HEADER: Final = struct.Struct("<4xHH12xH2x")
"""Signature, then machine, number of sections and size of the optional header."""
_SECTION: Final = struct.Struct("<16x2I16x")
"""Size of the section's data and where in the file it is."""


@dataclass(frozen=True, slots=True)
class PeHeaders:
    """What the headers of a PE file say.

    Attributes:
        machine: machine type, 16 bits.
        end: offset in bytes at which the last section ends. A whole file has as many, or more.
    """

    machine: int
    end: int

    @classmethod
    def find(cls, data: bytes) -> Self | None:
        """Read the headers of a whole file; None if it has none.

        Raises:
            BoardError: it is cut off in the middle of them.
        """
        if len(data) < _PE_OFFSET.size or not data.startswith(_DOS_SIGNATURE):
            return None
        (at,) = _PE_OFFSET.unpack_from(data)
        signature = data[at : at + len(_SIGNATURE)]
        if not _SIGNATURE.startswith(signature):
            return None
        try:
            machine, count, optional_bytes = _COFF_HEADER.unpack_from(data, at)
            table = at + _COFF_HEADER.size + optional_bytes
            places = (table + n * _SECTION.size for n in range(count))
            end = max((sum(_SECTION.unpack_from(data, place)) for place in places), default=0)
        except struct.error:
            raise BoardError(
                f"an EFI program that is cut off in its headers, at {len(data)} bytes: "
                "get the file again"
            ) from None
        return cls(machine, end)

    @property
    def machine_name(self) -> str:
        """The machine in words."""
        return MACHINES.get(self.machine, f"machine type {self.machine:#x}")

    def check_whole(self, data: bytes) -> None:
        """Raises `BoardError` if `data` ends before the last section does."""
        if self.end > len(data):
            raise BoardError(
                f"an arm64 kernel that is cut off: the file has {len(data)} bytes, and its "
                f"sections end at {self.end}; get the file again"
            )
