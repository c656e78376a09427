"""The driver's side of a split virtqueue, in guest memory.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 2.7. It takes none of the device's code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from emu.arch.virtqueue import DESCRIPTOR, USED_ENTRY, DescriptorFlags
from emu.core.ports import GuestMemory

NEXT: Final = DescriptorFlags.NEXT.mask
WRITE: Final = DescriptorFlags.WRITE.mask
INDIRECT: Final = DescriptorFlags.INDIRECT.mask

_BUFFER_SIZE_BYTES: Final = 0x200
"""Each descriptor has a buffer of its own that large."""


class Descriptor(NamedTuple):
    """One entry of a descriptor table."""

    address: int
    size_bytes: int
    flags: int = 0
    next: int = 0


class Used(NamedTuple):
    """One entry of the used ring."""

    head: int
    written: int


class Poke(NamedTuple):
    """A store of the driver to guest memory."""

    address: int
    data: bytes


@dataclass(slots=True)
class Ring:
    """A queue of the driver's, in 16 KiB of guest memory from `base` on.

    Attributes:
        memory: guest memory.
        base: where the descriptor table is; the rings and the buffers are behind it.
        size: descriptors, a power of two, at most 16.
        next_avail: the index that the driver writes next.
        next_used: the index of the used entry that it looks at next.
        held: the descriptors of each chain that the device has.
    """

    memory: GuestMemory
    base: int
    size: int = 16
    next_avail: int = 0
    next_used: int = 0
    held: dict[int, list[int]] = field(default_factory=dict)

    @property
    def descriptors(self) -> int:
        """Guest-physical address of the descriptor table."""
        return self.base

    @property
    def available(self) -> int:
        """Guest-physical address of the available ring."""
        return self.base + 0x400

    @property
    def used(self) -> int:
        """Guest-physical address of the used ring."""
        return self.base + 0x800

    @property
    def used_event(self) -> int:
        """Where the driver says when it wants to be interrupted."""
        return self.available + 4 + 2 * self.size

    @property
    def avail_event(self) -> int:
        """Where the device says when it wants to be notified."""
        return self.used + 4 + 8 * self.size

    @property
    def free(self) -> list[int]:
        """Descriptors that the device does not have."""
        taken = {index for chain in self.held.values() for index in chain}
        return [index for index in range(self.size) if index not in taken]

    def buffer(self, index: int) -> int:
        """Guest-physical address of the buffer that belongs to a descriptor."""
        return self.base + 0x1000 + index * _BUFFER_SIZE_BYTES

    def describe(self, index: int, descriptor: Descriptor, table: int | None = None) -> Poke:
        """Write an entry of the descriptor table, or of another `table`."""
        start = self.descriptors if table is None else table
        return Poke(start + index * DESCRIPTOR.size, DESCRIPTOR.pack(*descriptor))

    def offer(self, head: int) -> list[Poke]:
        """Make the chain that begins at `head` available."""
        slot = self.available + 4 + 2 * (self.next_avail % self.size)
        self.next_avail = self.next_avail + 1 & 0xFFFF
        return [
            Poke(slot, head.to_bytes(2, "little")),
            Poke(self.available + 2, self.next_avail.to_bytes(2, "little")),
        ]

    def post(
        self, readable: Sequence[bytes], writable: Sequence[int], *, indirect: bool = False
    ) -> list[Poke]:
        """Make a request available: data that the device reads, and sizes of what it writes. There
        have to be that many free descriptors.
        """
        count = len(readable) + len(writable)
        taken = self.free[:count]
        sizes = [*map(len, readable), *writable]
        pokes = [Poke(self.buffer(i), d) for i, d in zip(taken, readable, strict=False) if d]
        links = list(range(count)) if indirect else taken
        entries = [
            Descriptor(
                self.buffer(taken[n]),
                sizes[n],
                (WRITE if n >= len(readable) else 0) | (NEXT if n < count - 1 else 0),
                links[n + 1] if n < count - 1 else 0,
            )
            for n in range(count)
        ]
        if indirect:
            table = self.base + 0x3000 + 0x100 * (taken[0] % 16)
            pokes += [self.describe(n, entry, table) for n, entry in enumerate(entries)]
            outer = Descriptor(table, count * DESCRIPTOR.size, INDIRECT)
            pokes.append(self.describe(taken[0], outer))
        else:
            pokes += [self.describe(taken[n], entry) for n, entry in enumerate(entries)]
        self.held[taken[0]] = taken
        return pokes + self.offer(taken[0])

    def used_index(self) -> int:
        """The device's index, 16 bits."""
        return int.from_bytes(self.memory.read(self.used + 2, 2), "little")

    def reap(self) -> list[Used]:
        """What the device gave back since this was asked last; its descriptors are free again."""
        reaped = []
        while self.next_used != self.used_index():
            slot = self.used + 4 + USED_ENTRY.size * (self.next_used % self.size)
            reaped.append(Used(*USED_ENTRY.unpack(self.memory.read(slot, USED_ENTRY.size))))
            self.held.pop(reaped[-1].head, None)
            self.next_used = self.next_used + 1 & 0xFFFF
        return reaped
