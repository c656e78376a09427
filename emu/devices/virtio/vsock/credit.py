"""Credit: how much each end of a connection may send, by what the other one has room for.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 5.10.6.3. Sizes are those of Firecracker
v1.16.1 (`src/vmm/src/devices/virtio/vsock/csm/mod.rs`).
"""

from __future__ import annotations

from typing import Final

BUFFER_SIZE_BYTES: Final = 64 * 1024
"""What the host holds of a connection (`CONN_TX_BUF_SIZE`), which is what `buf_alloc` tells."""

UPDATE_THRESHOLD_BYTES: Final = 4 * 1024
"""The guest is told of room if it knows of less than this (`CONN_CREDIT_UPDATE_THRESHOLD`)."""

_U32: Final = 0xFFFF_FFFF


class GuestBuffer:
    """What the guest has room for, as far as it has told.

    Args:
        size_bytes: its `buf_alloc`.
    """

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._sent = 0
        self._forwarded = 0

    @property
    def room_bytes(self) -> int:
        """How much can be sent. A guest that makes its buffer smaller than what is on the way has
        room for nothing, until it has taken out enough.
        """
        on_the_way = self._sent - self._forwarded & _U32
        if on_the_way > _U32 >> 1:  # it says that it has taken out more than was sent
            on_the_way = 0
        return max(0, self._size_bytes - on_the_way)

    def count_sent(self, size_bytes: int) -> None:
        """So much was sent."""
        self._sent = self._sent + size_bytes & _U32

    def update(self, size_bytes: int, forwarded: int) -> bool:
        """Take what the guest tells: `buf_alloc` and `fwd_cnt`. Whether it can be true: it can't
        have taken out more than was sent, or less than before.
        """
        taken_out = forwarded - self._forwarded & _U32
        is_possible = taken_out <= self._sent - self._forwarded & _U32
        self._size_bytes, self._forwarded = size_bytes, forwarded
        return is_possible


class HostBuffer:
    """What the host holds of what the guest has sent, until the endpoint takes it."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._received = 0
        self._forwarded = 0
        self._told = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def forwarded(self) -> int:
        """How much was taken out, in bytes, modulo 2^32: what `fwd_cnt` tells."""
        return self._forwarded & _U32

    @property
    def credit_bytes(self) -> int:
        """How much the guest knows that it can send; less than zero if it has sent more."""
        return BUFFER_SIZE_BYTES - (self._received - self._told)

    @property
    def should_tell(self) -> bool:
        """Whether the guest knows of so little room that it should be told."""
        return BUFFER_SIZE_BYTES - (self._forwarded - self._told) < UPDATE_THRESHOLD_BYTES

    def put(self, data: bytes) -> bool:
        """Hold this; whether there was room for it."""
        self._received += len(data)
        if len(self._held) + len(data) > BUFFER_SIZE_BYTES:
            return False
        self._held += data
        return True

    def take(self) -> bytes:
        """Take out all that is held."""
        data = bytes(self._held)
        self._held.clear()
        self._forwarded += len(data)
        return data

    def note_told(self) -> None:
        """A packet has told the guest `forwarded`."""
        self._told = self._forwarded

    def clear(self) -> None:
        """Lose what is held."""
        self._held.clear()
