"""What stands for the machine around a device under test."""

from __future__ import annotations

from dataclasses import dataclass

from emu.core.allocator import AddressAllocator, GsiAllocator, ResourceAllocator


class StoppedClock:
    """Time that stands still."""

    def now(self) -> int:
        return 0


@dataclass
class GsiLine:
    """The interrupt line of a GSI, an edge: it notes its pulses."""

    gsi: int
    log: list[str]

    def set_level(self, high: bool) -> None:
        raise AssertionError(f"the interrupt of GSI {self.gsi} is an edge, and was driven {high}")

    def pulse(self) -> None:
        self.log.append(f"pulse of GSI {self.gsi}")


def with_gsis(gsis: range) -> ResourceAllocator:
    """Interrupts to hand out, and the system memory of Firecracker."""
    return ResourceAllocator(
        gsis=GsiAllocator(gsis), system_memory=AddressAllocator(0x8000_0000, 0x20_0000)
    )
