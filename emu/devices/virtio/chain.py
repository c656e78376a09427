"""A chain of descriptors: the buffers of one request, as a virtqueue's driver made it available.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 2.7.4 to 2.7.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from emu.arch.virtqueue import DESCRIPTOR, DescriptorFlags
from emu.core.ports import GuestMemory
from emu.errors import DriverError, GuestError

A = TypeVar("A")
B = TypeVar("B")

_CHAIN_SIZE_BYTES_MAX = 1 << 32
_INDIRECT = DescriptorFlags.INDIRECT.mask
_WRITE = DescriptorFlags.WRITE.mask
_NEXT = DescriptorFlags.NEXT.mask


class Buffer(NamedTuple):
    """A part of guest memory; `GuestError` when it is accessed tells that it is no RAM."""

    address: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The buffers of one request.

    Attributes:
        head: index of its first descriptor, by which the driver knows it.
        readable: what the device reads, in order.
        writable: what the device writes, in order; all after the readable ones.
        memory: where they are.
    """

    head: int
    readable: tuple[Buffer, ...]
    writable: tuple[Buffer, ...]
    memory: GuestMemory

    @property
    def readable_size_bytes(self) -> int:
        """Of all readable buffers together."""
        return sum(buffer.size_bytes for buffer in self.readable)

    @property
    def writable_size_bytes(self) -> int:
        """Of all writable buffers together."""
        return sum(buffer.size_bytes for buffer in self.writable)

    def read(self, size_bytes: int | None = None, offset: int = 0) -> bytes:
        """What the driver wrote: `size_bytes` (all by default) of the readable buffers, from byte
        `offset` of them on; fewer where they end.

        Raises:
            DriverError: a buffer that is needed is not all in RAM.
        """
        left = self.readable_size_bytes - offset if size_bytes is None else size_bytes
        return b"".join(
            _access(self.memory.read, address, size)
            for address, size in _parts(self.readable, offset, left)
        )

    def write(self, data: bytes, offset: int = 0) -> int:
        """Write `data` into the writable buffers, from byte `offset` of them on; how many bytes
        they took.

        Raises:
            DriverError: a buffer that is needed is not all in RAM.
        """
        done = 0
        for address, size in _parts(self.writable, offset, len(data)):
            _access(self.memory.write, address, data[done : done + size])
            done += size
        return done


def read_chain(
    memory: GuestMemory, table: int, size: int, head: int, *, allows_indirect: bool
) -> Chain:
    """Follow the chain that begins at descriptor `head` of the table at `table`.

    Args:
        memory: where the table is.
        table: guest-physical address of the descriptor table.
        size: its number of descriptors.
        head: index of the first descriptor.
        allows_indirect: whether INDIRECT_DESC was negotiated.

    Raises:
        DriverError: the chain breaks a rule: an index beyond the table, a loop, a readable buffer
            behind a writable one, an indirect table that is not allowed, empty or inside another.
    """
    readable: list[Buffer] = []
    writable: list[Buffer] = []
    for address, size_bytes, flags in _descriptors(memory, table, size, head, allows_indirect):
        if flags & _WRITE:
            writable.append(Buffer(address, size_bytes))
        elif writable:
            raise DriverError(
                f"the chain with head {head} has a readable buffer behind a writable one; readable "
                "ones come first (virtio 1.2, 2.7.4.2)"
            )
        else:
            readable.append(Buffer(address, size_bytes))
    if sum(size_bytes for _, size_bytes in (*readable, *writable)) > _CHAIN_SIZE_BYTES_MAX:
        raise DriverError(f"the chain with head {head} is longer than 2^32 bytes")
    return Chain(head, tuple(readable), tuple(writable), memory)


_Descriptor = tuple[int, int, int]


def _descriptors(
    memory: GuestMemory, table: int, size: int, head: int, allows_indirect: bool
) -> Iterator[_Descriptor]:
    """Address, length and flags of each buffer of the chain; of an indirect one, those inside."""
    seen = 0
    for address, size_bytes, flags in _walk(memory, table, size, head):
        if not flags & _INDIRECT:
            seen += 1
            yield address, size_bytes, flags
            continue
        count = _indirect_count(head, size_bytes, flags, size, allows_indirect)
        for inner in _walk(memory, address, count, 0):
            if inner[2] & _INDIRECT:
                raise DriverError(
                    f"the chain with head {head} has an indirect table inside an indirect table"
                )
            seen += 1
            yield inner
    if seen > size:
        raise DriverError(
            f"the chain with head {head} has {seen} buffers; the queue has {size} descriptors"
        )


def _indirect_count(head: int, size_bytes: int, flags: int, queue_size: int, allowed: bool) -> int:
    """How many descriptors an indirect table has."""
    if not allowed:
        raise DriverError(
            f"the chain with head {head} has an indirect table, and INDIRECT_DESC is not negotiated"
        )
    if flags & _NEXT:
        raise DriverError(
            f"the chain with head {head} goes on behind an indirect table (virtio 1.2, 2.7.5.3.1)"
        )
    count, rest = divmod(size_bytes, DESCRIPTOR.size)
    if rest or not 1 <= count <= queue_size:
        raise DriverError(
            f"the chain with head {head} has an indirect table of {size_bytes} bytes; expected 1 "
            f"to {queue_size} descriptors of {DESCRIPTOR.size} bytes"
        )
    return count


def _walk(memory: GuestMemory, table: int, size: int, first: int) -> Iterator[_Descriptor]:
    """The descriptors of a table from `first` on, as they are chained."""
    index = first
    for _ in range(size):
        if index >= size:
            raise DriverError(
                f"descriptor {index} is asked for; the table at {table:#x} has {size}"
            )
        data = _access(memory.read, table + index * DESCRIPTOR.size, DESCRIPTOR.size)
        address, size_bytes, flags, following = DESCRIPTOR.unpack(data)
        yield address, size_bytes, flags
        if not flags & _NEXT:
            return
        index = following
    raise DriverError(
        f"the chain that begins with descriptor {first} of the table at {table:#x} does not end: "
        f"it goes through more than the {size} descriptors there are, so it has a loop"
    )


def _parts(buffers: Sequence[Buffer], offset: int, left: int) -> Iterator[Buffer]:
    """`left` bytes of the buffers from byte `offset` of them on, piece by piece."""
    for address, size_bytes in buffers:
        skipped = min(offset, size_bytes)
        offset -= skipped
        taken = min(left, size_bytes - skipped)
        if taken > 0:
            left -= taken
            yield Buffer(address + skipped, taken)


def _access(call: Callable[[int, A], B], address: int, argument: A) -> B:
    try:
        return call(address, argument)
    except GuestError as error:
        raise DriverError(f"a buffer or table of the driver is not in RAM: {error}") from None
