"""What a board hands out to its devices: interrupts, MMIO windows and reserved guest memory.

The rules are those of rust-vmm's `vm-allocator` 0.1, by which Firecracker places its devices:
the lowest free number, and the first or last free range that fits.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field

from emu.core.interval_tree import Node, find, merge, nodes, split
from emu.errors import BoardError


class GsiAllocator:
    """Global system interrupt numbers; the lowest free one is handed out first.

    Args:
        gsis: those that there are to hand out.

    Attributes:
        gsis: the same.
        following: the lowest that was never handed out; after the last one if all were.
        freed: those below that are free again, lowest first.
    """

    def __init__(self, gsis: range) -> None:
        self.gsis = gsis
        self.following = gsis.start
        self.freed: list[int] = []

    def allocate(self) -> int:
        """The lowest free GSI; `BoardError` when there is none."""
        if self.freed:
            return self.freed.pop(0)
        if self.following not in self.gsis:
            raise BoardError("all GSIs of this board are taken; remove a device")
        self.following += 1
        return self.following - 1

    def allocate_at(self, gsi: int) -> None:
        """Take this one; `BoardError` unless it is free."""
        if gsi not in self.gsis or self.is_taken(gsi):
            raise BoardError(f"GSI {gsi} is not free in {self.gsis.start} to {self.gsis.stop - 1}")
        self.freed += range(self.following, gsi + 1)
        self.freed.remove(gsi)
        self.following = max(self.following, gsi + 1)

    def free(self, gsi: int) -> None:
        """Give one back; `BoardError` if it was not taken."""
        if not self.is_taken(gsi):
            raise BoardError(f"GSI {gsi} was not taken")
        insort(self.freed, gsi)

    def is_taken(self, gsi: int) -> bool:
        """Whether it was handed out, and not given back."""
        return self.gsis.start <= gsi < self.following and gsi not in self.freed


class AddressAllocator:
    """Ranges within `size_bytes` of guest-physical addresses from `base`; by default there is none.

    Attributes:
        tree: the ranges that are free and those that are taken; None if there are none.
    """

    def __init__(self, base: int = 0, size_bytes: int = 0) -> None:
        self.base = base
        self.end = base + size_bytes
        self.tree = Node(base, self.end - 1) if size_bytes else None

    def allocate_first(self, size_bytes: int, alignment: int) -> int:
        """Take the lowest free range of `size_bytes` (> 0) and return its address.

        The address is a multiple of `alignment` (> 0). Raises `BoardError` when nothing fits.
        """
        for node in nodes(self.tree):
            address = -(-node.first // alignment) * alignment
            if not node.allocated and address + size_bytes - 1 <= node.last:
                return self._take(address, size_bytes)
        raise self._exhausted(size_bytes, alignment)

    def allocate_last(self, size_bytes: int, alignment: int) -> int:
        """As `allocate_first`, but the highest free range."""
        for node in reversed([*nodes(self.tree)]):
            address = (node.last + 1 - size_bytes) // alignment * alignment
            if not node.allocated and address >= node.first:
                return self._take(address, size_bytes)
        raise self._exhausted(size_bytes, alignment)

    def allocate_at(self, address: int, size_bytes: int) -> None:
        """Take exactly the `size_bytes` (> 0) at `address`; `BoardError` unless all are free."""
        node = find(self.tree, address, address + size_bytes - 1)
        if node is None or node.allocated:
            raise BoardError(
                f"the {size_bytes} bytes at {address:#x} are not free in "
                f"[{self.base:#x}, {self.end:#x})"
            )
        self._take(address, size_bytes)

    def free(self, address: int) -> None:
        """Give back the range that begins at `address`; `BoardError` if none was taken there."""
        node = find(self.tree, address, address)
        if self.tree is None or node is None or not node.allocated or node.first != address:
            raise BoardError(f"no range that begins at {address:#x} was taken")
        self.tree = merge(self.tree, node.first, node.last)

    def _take(self, address: int, size_bytes: int) -> int:
        assert self.tree is not None  # where nothing is, nothing was found
        self.tree = split(self.tree, address, address + size_bytes - 1)
        return address

    def _exhausted(self, size_bytes: int, alignment: int) -> BoardError:
        return BoardError(
            f"no {size_bytes} free bytes, aligned to {alignment}, are left in "
            f"[{self.base:#x}, {self.end:#x}); remove a device"
        )


@dataclass(slots=True, kw_only=True)
class ResourceAllocator:
    """What a board hands out to devices that have no fixed place; by default there is nothing.

    Attributes:
        gsis: GSIs of interrupt lines.
        msi_gsis: GSIs of message-signalled interrupts.
        mmio32: MMIO windows below 4 GiB.
        mmio64: MMIO windows above 4 GiB.
        past_mmio64: addresses above those, for devices that are memory.
        system_memory: RAM that the device tree leaves out, to share with the guest.
    """

    gsis: GsiAllocator = field(default_factory=lambda: GsiAllocator(range(0)))
    msi_gsis: GsiAllocator = field(default_factory=lambda: GsiAllocator(range(0)))
    mmio32: AddressAllocator = field(default_factory=AddressAllocator)
    mmio64: AddressAllocator = field(default_factory=AddressAllocator)
    past_mmio64: AddressAllocator = field(default_factory=AddressAllocator)
    system_memory: AddressAllocator = field(default_factory=AddressAllocator)
