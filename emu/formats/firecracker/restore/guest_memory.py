"""Guest RAM as a state describes it, looked up by address."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any


def regions(state: Any) -> list[Any]:
    """The regions of guest memory, wherever the release has them."""
    memory = state.memory_state if hasattr(state, "memory_state") else state.vm_state.memory
    found: list[Any] = memory.regions
    return found


def path(state: Any) -> str:
    """The path of the regions."""
    memory = "memory_state" if hasattr(state, "memory_state") else "vm_state.memory"
    return f"data.{memory}.regions"


class GuestMemory:
    """The regions of a state in the order of their addresses."""

    def __init__(self, state: Any) -> None:
        self._regions = sorted(regions(state), key=lambda region: region.base_address)
        self._bases = [region.base_address for region in self._regions]

    def holds(self, address: int, size_bytes: int) -> bool:
        """Whether one region has all the bytes (`GuestMemory::get_slice` of vm-memory)."""
        region = self.region_at(address)
        return region is not None and address + size_bytes <= _end(region)

    def spans(self, address: int, size_bytes: int) -> bool:
        """Whether adjoining regions have all the bytes (`Bytes::write_slice` of vm-memory)."""
        return bool(self._parts(address, size_bytes))

    def plugs(self, address: int, size_bytes: int) -> bool:
        """Whether all the bytes are there and in plugged slots."""
        parts = self._parts(address, size_bytes)
        return bool(parts) and all(_plugged(*part) for part in parts)

    def region_at(self, address: int) -> Any | None:
        """The region that an address is in."""
        index = bisect_right(self._bases, address) - 1
        if index < 0 or address >= _end(self._regions[index]):
            return None
        return self._regions[index]

    def _parts(self, address: int, size_bytes: int) -> list[tuple[Any, int, int]]:
        """Region, first and last address of each part; empty if not all the bytes are there."""
        parts, end = [], address + size_bytes
        while address < end:
            region = self.region_at(address)
            if region is None:
                return []
            last = min(end, _end(region)) - 1
            parts.append((region, address, last))
            address = last + 1
        return parts


def _end(region: Any) -> int:
    end: int = region.base_address + region.size
    return end


def slot_size_bytes(region: Any) -> int:
    """The size of a region's slots, rounded down; 0 if there is none."""
    return region.size // len(region.plugged) if region.plugged else 0


def _plugged(region: Any, first: int, last: int) -> bool:
    size_bytes = slot_size_bytes(region)
    if not size_bytes:
        return True
    begin = (first - region.base_address) // size_bytes
    end = (last - region.base_address) // size_bytes
    return all(region.plugged[begin : end + 1])
