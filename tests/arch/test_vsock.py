"""The layout of a vsock's packets, as Linux declares it."""

from __future__ import annotations

import ctypes

from emu.arch.vsock import HEADER_SIZE_BYTES, Header


class VirtioVsockHdr(ctypes.LittleEndianStructure):
    """`struct virtio_vsock_hdr` of Linux 6.12, `include/uapi/linux/virtio_vsock.h`."""

    _pack_ = 1
    _fields_ = (
        ("src_cid", ctypes.c_uint64),
        ("dst_cid", ctypes.c_uint64),
        ("src_port", ctypes.c_uint32),
        ("dst_port", ctypes.c_uint32),
        ("len", ctypes.c_uint32),
        ("type", ctypes.c_uint16),
        ("op", ctypes.c_uint16),
        ("flags", ctypes.c_uint32),
        ("buf_alloc", ctypes.c_uint32),
        ("fwd_cnt", ctypes.c_uint32),
    )


def test_the_header_is_linuxs() -> None:
    """Field by field, in both directions."""
    values = range(1, 11)
    assert Header(*values).pack() == bytes(VirtioVsockHdr(*values))
    assert Header.unpack(bytes(VirtioVsockHdr(*values))) == Header(*values)
    assert ctypes.sizeof(VirtioVsockHdr) == HEADER_SIZE_BYTES
