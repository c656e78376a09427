"""Files of captured network traffic, in the classic format of pcap.

Source: draft-ietf-opsawg-pcap-04, "PCAP Capture File Format". A file is written little-endian with
nanoseconds; files of either byte order, with micro- or nanoseconds, are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from emu.errors import CaptureError

LINKTYPE_ETHERNET: Final = 1
SNAPSHOT_SIZE_BYTES: Final = 262144
"""The most bytes of a frame that a file has, MAXIMUM_SNAPLEN of libpcap 1.10."""

_MAGIC_NS: Final = 0xA1B2_3C4D
_MAGIC_US: Final = 0xA1B2_C3D4
_NS_PER_UNIT: Final = {_MAGIC_NS: 1, _MAGIC_US: 1000}
_NS_PER_S: Final = 1_000_000_000
_HEADER: Final = "IHHiIII"
"""Magic number, version (two numbers), two that are not used, snapshot length, link type."""
_RECORD: Final = "IIII"
"""Seconds, their fraction, bytes in the file, bytes on the network."""
_LINKTYPE_MASK: Final = 0xFFFF
_VERSION: Final = (2, 4)


@dataclass(frozen=True, slots=True)
class Captured:
    """A frame of a capture.

    Attributes:
        time_ns: when it was captured, in nanoseconds.
        frame: its bytes.
    """

    time_ns: int
    frame: bytes


class CaptureWriter:
    """Writes a capture.

    Args:
        file: where it goes; its header is written at once.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.write(
            struct.pack(
                "<" + _HEADER, _MAGIC_NS, *_VERSION, 0, 0, SNAPSHOT_SIZE_BYTES, LINKTYPE_ETHERNET
            )
        )

    def write(self, captured: Captured) -> None:
        """Add a frame."""
        seconds, rest_ns = divmod(captured.time_ns, _NS_PER_S)
        size_bytes = len(captured.frame)
        self._file.write(struct.pack("<" + _RECORD, seconds, rest_ns, size_bytes, size_bytes))
        self._file.write(captured.frame)


def read_capture(data: bytes) -> list[Captured]:
    """The frames of a capture.

    Raises:
        CaptureError: it is not one, is damaged, is not of Ethernet, or has not all bytes of a
            frame.
    """
    order, ns_per_unit = _byte_order(data)
    header = struct.Struct(order + _HEADER)
    if len(data) < header.size:
        raise CaptureError(f"a capture of {len(data)} bytes; its header alone has {header.size}")
    _, *version, _, _, _, link_type = header.unpack_from(data)
    if tuple(version) != _VERSION:
        raise CaptureError(
            f"offset 4: a capture of version {version[0]}.{version[1]}; expected 2.4"
        )
    if link_type & _LINKTYPE_MASK != LINKTYPE_ETHERNET:
        raise CaptureError(
            f"offset 20: a capture of link type {link_type & _LINKTYPE_MASK}; expected "
            f"{LINKTYPE_ETHERNET}, which is Ethernet"
        )
    return list(_frames(data, header.size, struct.Struct(order + _RECORD), ns_per_unit))


def _byte_order(data: bytes) -> tuple[str, int]:
    """How the file's numbers are packed, and nanoseconds of a unit of its times."""
    for order in "<>":
        magic = struct.unpack_from(order + "I", data)[0] if len(data) >= 4 else 0
        if magic in _NS_PER_UNIT:
            return order, _NS_PER_UNIT[magic]
    raise CaptureError(
        f"offset 0: a file that begins with '{data[:4].hex()}' is no capture in the classic format "
        "of pcap; a newer one (pcapng) can be converted: editcap -F pcap"
    )


def _frames(data: bytes, at: int, record: struct.Struct, ns_per_unit: int) -> Iterator[Captured]:
    while at < len(data):
        if at + record.size > len(data):
            raise CaptureError(f"offset {at}: the capture ends inside the header of a frame")
        seconds, fraction, size_bytes, frame_size_bytes = record.unpack_from(data, at)
        if fraction * ns_per_unit >= _NS_PER_S:
            raise CaptureError(f"offset {at + 4}: {fraction} is more than a second")
        if size_bytes != frame_size_bytes:
            raise CaptureError(
                f"offset {at + 8}: {size_bytes} bytes are there of a frame of {frame_size_bytes}; "
                "capture whole frames"
            )
        start = at + record.size
        at = start + size_bytes
        if at > len(data):
            raise CaptureError(
                f"offset {start}: the capture ends inside a frame of {size_bytes} bytes"
            )
        yield Captured(seconds * _NS_PER_S + fraction * ns_per_unit, data[start:at])
