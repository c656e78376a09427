"""Frames as a driver hands them over: virtio's header, and work on them that is left to the device.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 5.1.6.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from emu.arch.virtio import NET
from emu.arch.virtio_net import HEADER, GsoType, HeaderFlags, NetFeature
from emu.devices.network.offloads import cut_tcp, fill_in_checksum, fragment_udp
from emu.errors import DriverError, FrameError

ETHERNET_HEADER_SIZE_BYTES: Final = 14

PLAIN_HEADER: Final = HEADER.pack(0, GsoType.NONE, 0, 0, 0, 0, 1)
"""Of a frame that leaves no work to who gets it, in one buffer."""

_NEEDED: Final[Mapping[int, int]] = {
    GsoType.TCPV4: NetFeature.HOST_TSO4,
    GsoType.TCPV6: NetFeature.HOST_TSO6,
    GsoType.UDP: NetFeature.HOST_UFO,
}
"""The feature that has to be negotiated for a type of segmentation."""


class _Work(NamedTuple):
    """What a header asks for.

    Attributes:
        gso_type: what the frame is cut into.
        gso_size: payload of each piece, in bytes.
        checksum: where the checksum begins that is to be computed, and where it goes, relative to
            that; None if it is complete.
    """

    gso_type: int
    gso_size: int
    checksum: tuple[int, int] | None


def finished_frames(data: bytes, features: int) -> list[bytes]:
    """The frames that a driver sends with one chain: nothing is left to be done on them.

    Args:
        data: header and frame.
        features: the features that were negotiated.

    Raises:
        DriverError: there is no room for a header and a frame, or what the header asks for was not
            negotiated or can't be done.
    """
    frame = data[HEADER.size :]
    if len(frame) < ETHERNET_HEADER_SIZE_BYTES:
        raise DriverError(
            f"a chain of {len(data)} bytes is sent; expected {HEADER.size} of virtio's header and "
            f"at least {ETHERNET_HEADER_SIZE_BYTES} of Ethernet's"
        )
    try:
        return _finish(frame, _work(data, features))
    except FrameError as error:
        raise DriverError(f"the header of a frame asks for what can't be done: {error}") from None


def _work(data: bytes, features: int) -> _Work:
    flags, gso_type, _, gso_size, start, offset, _ = HEADER.unpack_from(data)
    needs_checksum = bool(HeaderFlags(flags).NEEDS_CSUM)
    needed = [NetFeature.CSUM] if needs_checksum else []
    if gso_type & GsoType.ECN:
        needed.append(NetFeature.HOST_ECN)
    kind = gso_type & ~GsoType.ECN
    if kind != GsoType.NONE:
        if kind not in _NEEDED:
            raise DriverError(f"the header of a frame has the gso_type {gso_type:#x}; unknown")
        needed.append(_NEEDED[kind])
    denied = sum(1 << feature for feature in needed) & ~features
    if denied:
        names = ", ".join(NET.feature_names(denied))
        raise DriverError(f"the header of a frame needs {names}, which was not negotiated")
    return _Work(kind, gso_size, (start, offset) if needs_checksum else None)


def _finish(frame: bytes, work: _Work) -> list[bytes]:
    if work.gso_type in (GsoType.TCPV4, GsoType.TCPV6):
        if work.checksum is None:
            raise FrameError("TCP is to be cut without NEEDS_CSUM, so there is no csum_start")
        return cut_tcp(frame, work.checksum[0], work.gso_size)
    if work.checksum is not None:
        frame = fill_in_checksum(frame, *work.checksum)
    if work.gso_type == GsoType.UDP:
        return fragment_udp(frame, work.gso_size)
    return [frame]
