"""What the guest `disk` does to a disk, worked out by itself."""

from __future__ import annotations

import struct

from firmware.layout import DiskArguments

SECTOR_SIZE_BYTES = 512
_WORDS = struct.Struct("<64Q")
_MASK = (1 << 64) - 1


def work_on(contents: bytes, arguments: DiskArguments) -> tuple[bytes, int]:
    """The disk afterwards, and the checksum of what was read."""
    disk, checksum = bytearray(contents), 0
    for number in range(2 * arguments.rounds):
        changed = []
        for word in _WORDS.unpack_from(disk, number * SECTOR_SIZE_BYTES):
            checksum = (checksum >> 7 | checksum << 57) + word & _MASK
            changed.append(word ^ checksum)
        written = (arguments.target_sector + number) * SECTOR_SIZE_BYTES
        disk[written : written + SECTOR_SIZE_BYTES] = _WORDS.pack(*changed)
    return bytes(disk), checksum


def request_count(arguments: DiskArguments) -> int:
    """How many requests it makes: a read and a write of each sector, and a flush."""
    return 4 * arguments.rounds + 1
