"""What a board hands out to its devices: interrupt numbers and reserved guest memory.

The rules are those of rust-vmm's `vm-allocator` 0.1, by which Firecracker places its VMGenID:
the lowest free number, and the first or last free range that fits.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable

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


class AddressAllocator:
    """Ranges within `size_bytes` of guest-physical addresses from `base`."""

    def __init__(self, base: int, size_bytes: int) -> None:
        self.base = base
        self.end = base + size_bytes
        self._taken = [(base, base)]

    def allocate_last(self, size_bytes: int, alignment: int) -> int:
        """Take the highest free range of `size_bytes` (> 0) and return its address.

        The address is a multiple of `alignment` (> 0). Raises `BoardError` when nothing fits.
        """
        ceiling = self.end
        for start, end in reversed(self._taken):
            address = (ceiling - size_bytes) // alignment * alignment
            if address >= end:
                bisect.insort(self._taken, (address, address + size_bytes))
                return address
            ceiling = start
        raise BoardError(
            f"no {size_bytes} free bytes, aligned to {alignment}, are left in "
            f"[{self.base:#x}, {self.end:#x}); remove a device"
        )

    def allocate_at(self, address: int, size_bytes: int) -> None:
        """Take exactly the `size_bytes` (> 0) at `address`; `BoardError` unless all are free."""
        end = address + size_bytes
        inside = self.base <= address and end <= self.end
        if not inside or any(address < e and s < end for s, e in self._taken):
            raise BoardError(
                f"the {size_bytes} bytes at {address:#x} are not free in "
                f"[{self.base:#x}, {self.end:#x})"
            )
        bisect.insort(self._taken, (address, end))


class ResourceAllocator:
    """The two things that a device without an MMIO window needs.

    Args:
        gsis: GSIs that are not fixed by the board.
        system_memory_base: guest-physical address of the RAM that the device tree leaves out.
        system_memory_size_bytes: its size.
    """

    def __init__(
        self, gsis: Iterable[int], system_memory_base: int, system_memory_size_bytes: int
    ) -> None:
        self.gsis = GsiAllocator(gsis)
        self.system_memory = AddressAllocator(system_memory_base, system_memory_size_bytes)
