"""What is needed of a shared library to run its code: the same for ELF and for Mach-O."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of the file that belong at an address, and zeros up to `size_bytes`."""

    address: int
    size_bytes: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Image:
    """A shared library, linked to begin at address 0.

    Attributes:
        machine: `x86_64` or `aarch64`.
        exports: name to address, without Mach-O's leading underscore.
        pointers: address of each word that holds an address of this image, and that address.
        imports: address of each word that is to hold the address of a foreign symbol, and its
            name.
        thread_locals: address and size in bytes of the TLV descriptors (Mach-O only).
    """

    machine: str
    segments: list[Segment]
    exports: Mapping[str, int]
    pointers: Mapping[int, int] = field(default_factory=dict)
    imports: Mapping[int, str] = field(default_factory=dict)
    thread_locals: tuple[int, int] = (0, 0)

    @property
    def size_bytes(self) -> int:
        """End of the last segment."""
        return max(segment.address + segment.size_bytes for segment in self.segments)

    def loaded_at(self, base: int, imported: Mapping[str, int]) -> bytearray:
        """The memory of the image when it is loaded at `base`, with the given foreign symbols."""
        memory = bytearray(self.size_bytes)
        for segment in self.segments:
            memory[segment.address : segment.address + len(segment.data)] = segment.data
        for address, target in self.pointers.items():
            struct.pack_into("<Q", memory, address, base + target)
        for address, name in self.imports.items():
            struct.pack_into("<Q", memory, address, imported[name])
        return memory


def string_at(data: bytes, offset: int) -> str:
    """A NUL-terminated string."""
    return data[offset : data.index(b"\0", offset)].decode()
