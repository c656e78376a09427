"""What a board hands out to its devices: interrupts, MMIO windows and reserved guest memory.

The rules are those of rust-vmm's `vm-allocator` 0.1, by which Firecracker places its devices:
the lowest free number, and the first or last free range that fits.
"""

from __future__ import annotations

from collections.abc import Iterable

from emu.core.interval_tree import Node, find, merge, nodes, split
from emu.errors import BoardError


class GsiAllocator:
    """Global system interrupt numbers; the lowest free one is handed out first."""

    def __init__(self, gsis: Iterable[int]) -> None:
        self._free = sorted(gsis)

    def allocate(self) -> int:
        """The lowest free GSI; `BoardError` when there is none."""
        if not self._free:
            raise BoardError("all GSIs of this board are taken; remove a device")
        return self._free.pop(0)

    def allocate_at(self, gsi: int) -> None:
        """Take this one; `BoardError` unless it is free."""
        if gsi not in self._free:
            raise BoardError(f"GSI {gsi} is not free; the free ones: {self._free}")
        self._free.remove(gsi)


class AddressAllocator:
    """Ranges within `size_bytes` of guest-physical addresses from `base`.

    Attributes:
        tree: the ranges that are free and those that are taken.
    """

    def __init__(self, base: int, size_bytes: int) -> None:
        self.base = base
        self.end = base + size_bytes
        self.tree = Node(base, self.end - 1)

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
        if node is None or not node.allocated or node.first != address:
            raise BoardError(f"no range that begins at {address:#x} was taken")
        self.tree = merge(self.tree, node.first, node.last)

    def _take(self, address: int, size_bytes: int) -> int:
        self.tree = split(self.tree, address, address + size_bytes - 1)
        return address

    def _exhausted(self, size_bytes: int, alignment: int) -> BoardError:
        return BoardError(
            f"no {size_bytes} free bytes, aligned to {alignment}, are left in "
            f"[{self.base:#x}, {self.end:#x}); remove a device"
        )


class ResourceAllocator:
    """What a board hands out to devices that have no fixed place.

    Args:
        gsis: GSIs that are not fixed by the board.
        system_memory_base: guest-physical address of the RAM that the device tree leaves out.
        system_memory_size_bytes: its size.
        windows_base: guest-physical address of the space for MMIO windows.
        windows_size_bytes: its size; none by default.

    Attributes:
        gsis: the interrupts.
        system_memory: the RAM.
        windows: the MMIO windows.
    """

    def __init__(
        self,
        gsis: Iterable[int],
        system_memory_base: int,
        system_memory_size_bytes: int,
        *,
        windows_base: int = 0,
        windows_size_bytes: int = 0,
    ) -> None:
        self.gsis = GsiAllocator(gsis)
        self.system_memory = AddressAllocator(system_memory_base, system_memory_size_bytes)
        self.windows = AddressAllocator(windows_base, windows_size_bytes)
