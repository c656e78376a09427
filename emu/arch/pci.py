"""PCI: the head of the configuration space, and base address registers.

Source: PCI Local Bus Specification 3.0, section 6.1 and 6.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from emu.arch.bits import Register, bit, bits


class Identification(Register):
    """Word 0: vendor and device (6.2.1)."""

    device = bits(31, 16)
    vendor = bits(15, 0)


class CommandStatus(Register):
    """Word 1: status and command (6.2.2 and 6.2.3)."""

    capabilities = bit(20)
    interrupt_disable = bit(10)
    bus_master = bit(2)
    memory_space = bit(1)
    io_space = bit(0)


class ClassRevision(Register):
    """Word 2: class code and revision (6.2.1)."""

    base_class = bits(31, 24)
    sub_class = bits(23, 16)
    interface = bits(15, 8)
    revision = bits(7, 0)


class Subsystem(Register):
    """Word 11: subsystem (6.2.4)."""

    device = bits(31, 16)
    vendor = bits(15, 0)


HEADER: Final[tuple[tuple[int, str, type[Register]], ...]] = (
    (0, "identification", Identification),
    (1, "command and status", CommandStatus),
    (2, "class and revision", ClassRevision),
    (11, "subsystem", Subsystem),
)
"""Words of the configuration space by index: name and layout."""


def address_text(address: int) -> str:
    """Segment, bus, device and function of the 32-bit number that holds them.

    >>> address_text(0x0001_02FF)
    '0001:02:1f.7'
    """
    segment, bus = address >> 16, address >> 8 & 0xFF
    return f"{segment:04x}:{bus:02x}:{address >> 3 & 0x1F:02x}.{address & 7}"


@dataclass(frozen=True, slots=True)
class Bar:
    """A base address register in use.

    Attributes:
        index: which of the six it is; a 64-bit one is followed by its upper half.
        kind: "64-bit memory", "32-bit memory" or "I/O".
        size_bytes: 0 if that can't be told.
    """

    index: int
    kind: str
    address: int
    size_bytes: int


def decode_bars(words: Sequence[tuple[int, int]]) -> Iterator[Bar]:
    """The base address registers in use, of the address and the size that each one reads (6.2.5).

    The size is read as a mask, after all ones were written.

    >>> list(decode_bars([(0x0000_0004, 0xFFF8_0000), (0x40, 0xFFFF_FFFF), (0, 0)]))
    [Bar(index=0, kind='64-bit memory', address=274877906944, size_bytes=524288)]
    """
    index = 0
    while index < len(words):
        address, mask = words[index]
        if not address and not mask:
            index += 1
            continue
        kind, flags, width = _kind(address)
        if width == 64 and index + 1 < len(words):
            high_address, high_mask = words[index + 1]
            address, mask = address | high_address << 32, mask | high_mask << 32
        size_bytes = -(mask & ~flags) % (1 << width)
        yield Bar(index, kind, address & ~flags, size_bytes)
        index += width // 32


def _kind(word: int) -> tuple[str, int, int]:
    """The address space, the bits that tell it, and how many bits addresses have."""
    if word & 1:
        return "I/O", 0b11, 32
    if word >> 1 & 0b11 == 0b10:
        return "64-bit memory", 0b1111, 64
    return "32-bit memory", 0b1111, 32
