"""Virtio block devices: what a request says, what it is answered, and the configuration space.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, section 5.2. All is little-endian.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

SECTOR_SIZE_BYTES: Final = 512
"""The unit of places and sizes, whatever the disk's own sectors are (5.2.6)."""

HEADER: Final = struct.Struct("<IIQ")
"""How a request begins (5.2.6): type, reserved, sector."""

ID_SIZE_BYTES: Final = 20
"""Of the device's id: ASCII, padded with NUL (5.2.6)."""

CAPACITY: Final = struct.Struct("<Q")
"""The configuration space without optional features: the number of sectors (5.2.4)."""


class RequestType(IntEnum):
    """What a driver can ask for (5.2.6), `VIRTIO_BLK_T_`."""

    IN = 0
    OUT = 1
    FLUSH = 4
    GET_ID = 8
    GET_LIFETIME = 10
    DISCARD = 11
    WRITE_ZEROES = 13
    SECURE_ERASE = 14


class RequestStatus(IntEnum):
    """The last byte that the device writes (5.2.6), `VIRTIO_BLK_S_`."""

    OK = 0
    IOERR = 1
    UNSUPP = 2
