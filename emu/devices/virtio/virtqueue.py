"""Split virtqueue, the device's side.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 2.7. Its state and when it counts are as
Firecracker has them (v1.9.0 to v1.16.1, `src/vmm/src/devices/virtio/queue.rs`), so that a state
can be carried from there and back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Final

from emu.arch.virtqueue import (
    AVAILABLE_ENTRY_SIZE_BYTES,
    AVAILABLE_RING_ALIGNMENT,
    DESCRIPTOR_TABLE_ALIGNMENT,
    INDEX_OFFSET,
    RING_ENTRIES_OFFSET,
    USED_ENTRY,
    USED_RING_ALIGNMENT,
    AvailableFlags,
    available_ring_size_bytes,
    descriptor_table_size_bytes,
    used_ring_size_bytes,
)
from emu.core.ports import GuestMemory
from emu.devices.virtio.chain import Chain, read_chain
from emu.errors import DriverError, GuestError, IncompatibleError

_U16: Final = 0xFFFF
_U32: Final = 0xFFFF_FFFF
_U64: Final = (1 << 64) - 1


@dataclass(slots=True, kw_only=True)
class QueueState:
    """One split virtqueue; the defaults are those after reset, for `max_size` as `size`.

    Attributes:
        max_size: largest size that the driver may select, in descriptors.
        size: the size that the driver selected, 16 bits; not checked before the device starts.
        ready: whether the driver has set it up.
        desc_table: guest-physical address of the descriptor table, 64 bits.
        avail_ring: the same of the available ring (virtio 1.2: driver area).
        used_ring: the same of the used ring (device area).
        next_avail: index of the next available entry to take, modulo 65536.
        next_used: index of the next used entry to write, modulo 65536.
        num_added: used entries since the device last asked whether to interrupt, modulo 65536;
            it is asked with EVENT_IDX alone, and else goes on counting.
    """

    max_size: int
    size: int
    ready: bool = False
    desc_table: int = 0
    avail_ring: int = 0
    used_ring: int = 0
    next_avail: int = 0
    next_used: int = 0
    num_added: int = 0

    @classmethod
    def reset(cls, max_size: int) -> QueueState:
        """A queue that no driver has touched."""
        return cls(max_size=max_size, size=max_size)

    def check(self, where: str) -> None:
        """Raise `IncompatibleError` for a value that a queue can't hold; `where` it is."""
        for field in fields(self):
            value = getattr(self, field.name)
            most = _U64 if field.name in _ADDRESSES else _U16
            if field.name != "ready" and not 0 <= value <= most:
                raise IncompatibleError(
                    f"{where}: {field.name} is {value:#x}; expected 0 to {most:#x}"
                )


_ADDRESSES: Final = ("desc_table", "avail_ring", "used_ring")


class Virtqueue:
    """One queue of a device.

    Args:
        max_size: largest size that the driver may select, in descriptors.

    Attributes:
        state: what a driver has programmed, and how far the device has got. The transport writes
            what is programmed; nothing else may change it.
    """

    def __init__(self, max_size: int) -> None:
        self.state = QueueState.reset(max_size)
        self._memory: GuestMemory | None = None
        self._event_idx = False
        self._indirect = False
        self._has_news = False

    @property
    def memory(self) -> GuestMemory:
        """Where the queue is; `DriverError` if it is not in use."""
        if self._memory is None:
            raise DriverError("a queue is used that the driver has not set up, or has stopped")
        return self._memory

    @property
    def is_enabled(self) -> bool:
        """Whether the device is activated, and the driver has set the queue up and not stopped."""
        return self._memory is not None

    def copy_state(self) -> QueueState:
        """A copy of the state."""
        return replace(self.state)

    def load_state(self, state: QueueState) -> None:
        """Become a copy of `state`, of a device that is not activated."""
        self.state = replace(state)
        self.disable()

    def reset(self) -> None:
        """As no driver has touched it."""
        self.state = QueueState.reset(self.state.max_size)
        self.disable()

    def disable(self) -> None:
        """The device is not activated: nothing can be taken from the queue."""
        self._memory, self._event_idx, self._indirect = None, False, False
        self._has_news = False

    def enable(self, memory: GuestMemory, *, event_idx: bool, indirect: bool) -> None:
        """The device is activated, with these features.

        Raises:
            DriverError: the queue is not set up, its size is none, or a part of it is misaligned,
                not all in RAM, or overlaps another part.
        """
        self.check_setup(memory)
        self._memory, self._event_idx, self._indirect = memory, event_idx, indirect

    def check_setup(self, memory: GuestMemory) -> None:
        """Raise `DriverError` unless the device could use the queue as it is programmed."""
        s = self.state
        if not s.ready:
            raise DriverError("the queue is not ready")
        if not 0 < s.size <= s.max_size or s.size & (s.size - 1):
            raise DriverError(
                f"the queue's size is {s.size}; expected a power of two, at most {s.max_size}"
            )
        for name, address, size_bytes, alignment in self.parts():
            if address % alignment:
                raise DriverError(
                    f"the queue's {name} is at {address:#x}; expected a multiple of {alignment}"
                )
            try:
                memory.read(address, size_bytes)
            except GuestError as error:
                raise DriverError(f"the queue's {name} is not in RAM: {error}") from None
        self._check_overlap()

    def parts(self) -> list[tuple[str, int, int, int]]:
        """The parts of the queue: name, guest-physical address, size in bytes, alignment."""
        s = self.state
        return [
            ("descriptor table", s.desc_table, descriptor_table_size_bytes(s.size),
             DESCRIPTOR_TABLE_ALIGNMENT),
            ("available ring", s.avail_ring, available_ring_size_bytes(s.size),
             AVAILABLE_RING_ALIGNMENT),
            ("used ring", s.used_ring, used_ring_size_bytes(s.size), USED_RING_ALIGNMENT),
        ]  # fmt: skip

    # --- buffers from the driver ---------------------------------------------------------------

    def available(self) -> int:
        """How many chains the driver has made available that the device has not taken; none of a
        queue that is not in use.

        Raises:
            DriverError: more than there can be: the driver's index runs away.
        """
        if not self.is_enabled:
            return 0
        count = self._read_u16(self.state.avail_ring + INDEX_OFFSET) - self.state.next_avail & _U16
        if count > self.state.size:
            raise DriverError(
                f"the driver's index is {count} ahead of the device's ({self.state.next_avail}); "
                f"the queue has {self.state.size} descriptors"
            )
        return count

    def pop(self) -> Chain | None:
        """Take the next available chain; None if there is none.

        Raises:
            DriverError: the index runs away, or the chain breaks a rule; then it is not taken.
        """
        if not self.available():
            return None
        chain = self.chain(self._head_at(self.state.next_avail))
        self.state.next_avail = self.state.next_avail + 1 & _U16
        return chain

    def undo_pop(self, count: int = 1) -> None:
        """Put back the chains that were taken last: they are available again."""
        self.state.next_avail = self.state.next_avail - count & _U16

    def take_all(self) -> int:
        """Take all available chains without looking at them; how many there were.

        Raises:
            DriverError: the driver's index runs away.
        """
        count = self.available()
        self.state.next_avail = self.state.next_avail + count & _U16
        return count

    def taken(self, back: int) -> Chain:
        """A chain that was taken and not given back, by how far back: 1 is the last one taken.

        Raises:
            DriverError: the chain breaks a rule.
        """
        return self.chain(self._head_at(self.state.next_avail - back & _U16))

    def chain(self, head: int) -> Chain:
        """A chain that was taken before, by its head: what a device holds over a restore.

        Raises:
            DriverError: the chain breaks a rule.
        """
        s = self.state
        return read_chain(self.memory, s.desc_table, s.size, head, allows_indirect=self._indirect)

    def arm(self) -> bool:
        """Ask the driver to notify of what it makes available from here on (`avail_event`).

        Whether there is nothing left to take: if there is, it may never be told of it, so the
        device has to go on.

        Raises:
            DriverError: the driver's index runs away.
        """
        self._set_avail_event(self.state.next_avail)
        return self.available() == 0

    def arm_behind(self) -> None:
        """Ask the driver to notify of what it makes available next, behind all that is available
        already: for a device that takes from a queue when it has something to say.

        Raises:
            DriverError: the driver's index runs away.
        """
        self._set_avail_event(self.state.next_avail + self.available() & _U16)

    # --- buffers to the driver -----------------------------------------------------------------

    def add_used(self, head: int, written: int) -> None:
        """Give back a chain, `written` bytes of which are the device's. A length that does not fit
        32 bits is told as less, as may be (2.7.8.2).

        Raises:
            DriverError: the queue is not in use.
        """
        self.stage_used(0, head, written)
        self.publish_used(1)

    def stage_used(self, ahead: int, head: int, written: int) -> None:
        """Write a used entry, `ahead` entries behind the next one; the driver sees it once it is
        published, so that several appear at once, as those of one frame do.
        """
        self.memory.write(self._used_address(ahead), USED_ENTRY.pack(head, min(written, _U32)))

    def staged(self, count: int) -> Iterator[tuple[int, int]]:
        """Head and bytes written of the next `count` used entries, as they are written."""
        for ahead in range(count):
            entry = self.memory.read(self._used_address(ahead), USED_ENTRY.size)
            head, written = USED_ENTRY.unpack(entry)
            yield head, written

    def publish_used(self, count: int) -> None:
        """Let the driver see the next `count` used entries, and those that a monitor counted before
        it was frozen and had yet to publish.
        """
        s = self.state
        s.next_used = s.next_used + count & _U16
        s.num_added = s.num_added + count & _U16
        if count or self._read_u16(s.used_ring + INDEX_OFFSET) != s.next_used:
            self._has_news = True
            self._write_u16(s.used_ring + INDEX_OFFSET, s.next_used)

    def should_interrupt(self) -> bool:
        """Whether anything was given back since this was asked last, and the driver wants an
        interrupt for it (2.7.7 and 2.7.10).
        """
        if not self._has_news:
            return False
        s, self._has_news = self.state, False
        if not self._event_idx:
            flags = AvailableFlags(self._read_u16(s.avail_ring))
            return not flags.NO_INTERRUPT
        end = s.avail_ring + available_ring_size_bytes(s.size) - 2
        used_event, added = self._read_u16(end), s.num_added
        s.num_added = 0
        return s.next_used - used_event - 1 & _U16 < added

    # --- inside ------------------------------------------------------------------------------

    def _check_overlap(self) -> None:
        parts = sorted(self.parts(), key=lambda part: part[1])
        for (lower, address, size_bytes, _), (upper, above, _, _) in pairwise(parts):
            if address + size_bytes > above:
                raise DriverError(
                    f"the queue's {lower} at {address:#x} ({size_bytes} bytes) overlaps its "
                    f"{upper} at {above:#x}"
                )

    def _used_address(self, ahead: int) -> int:
        s = self.state
        slot = (s.next_used + ahead) % s.size
        return s.used_ring + RING_ENTRIES_OFFSET + USED_ENTRY.size * slot

    def _head_at(self, index: int) -> int:
        """What the available ring has at an index, modulo 65536."""
        s = self.state
        slot = index % s.size
        return self._read_u16(
            s.avail_ring + RING_ENTRIES_OFFSET + AVAILABLE_ENTRY_SIZE_BYTES * slot
        )

    def _set_avail_event(self, index: int) -> None:
        if self._event_idx:
            end = self.state.used_ring + used_ring_size_bytes(self.state.size) - 2
            self._write_u16(end, index)

    def _read_u16(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 2), "little")

    def _write_u16(self, address: int, value: int) -> None:
        self.memory.write(address, value.to_bytes(2, "little"))
