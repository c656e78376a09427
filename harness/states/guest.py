"""Where a Linux guest has what, in RAM and in its virtual address space.

Source: Linux 6.1, `Documentation/arm64/memory.rst` and `arch/arm64/include/asm/memory.h`, for
48-bit virtual addresses and pages of 4 KiB; Firecracker v1.16.0, `arch/aarch64/layout.rs`.
"""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

PAGE: Final = 0x1000
MIB: Final = 1 << 20

DRAM_BASE: Final = 0x8000_0000
SYSTEM_MEMORY_SIZE: Final = 2 * MIB
_HIGH_DRAM_BASE = 512 << 30
_MMIO64_BASE = 256 << 30
_FDT_SIZE = 2 * MIB

_LINEAR_MAP = 0xFFFF_0000_0000_0000
_KERNEL_IMAGE = 0xFFFF_8000_0800_0000
_VMALLOC = 0xFFFF_8000_1000_0000
_STACK_SIZE = 4 * PAGE
_USER_END = 0x0000_FFFF_FFFF_F000

KERNEL_PHYSICAL: Final = DRAM_BASE + SYSTEM_MEMORY_SIZE
_TEXT = range(0x1_0000, 0xB0_0000, 4)
_DATA = range(0x140_0000, 0x1A0_0000, 8)
_KERNEL_SIZE = 32 * MIB


class Region(NamedTuple):
    """A region of RAM, in bytes."""

    base: int
    size: int


def dram(memory_mib: int, *, split: bool) -> tuple[Region, ...]:
    """The regions of RAM; if `split`, none lies where the PCI bus has its memory."""
    size, below = memory_mib * MIB, _MMIO64_BASE - DRAM_BASE
    if not split or size <= below:
        return (Region(DRAM_BASE, size),)
    return Region(DRAM_BASE, below), Region(_HIGH_DRAM_BASE, size - below)


class Guest:
    """A booted Linux. What it is asked for it has somewhere, and nothing twice.

    Attributes:
        uptime_s: how long ago it was booted, in seconds.
    """

    def __init__(self, random: Random, regions: tuple[Region, ...]) -> None:
        self.random = random
        self.uptime_s = random.uniform(1, 90_000)
        self._slide = random.randrange(0x1000) * 2 * MIB
        self._pages = [
            range(first // PAGE, (base + size - _FDT_SIZE) // PAGE)
            for base, size in regions
            for first in [KERNEL_PHYSICAL + _KERNEL_SIZE if base == DRAM_BASE else base]
        ]
        self._taken: set[int] = set()

    def pages(self, count: int) -> int:
        """Guest-physical address of so many pages, a power of two; it is aligned to their size."""
        while True:
            pages = self.random.choice(self._pages)
            first = self.random.randrange(-(-pages.start // count), pages.stop // count) * count
            run = range(first, first + count)
            if self._taken.isdisjoint(run):
                self._taken.update(run)
                return first * PAGE

    def text(self) -> int:
        """Address of an instruction of the kernel."""
        return _KERNEL_IMAGE + self._slide + self.random.choice(_TEXT)

    def data(self) -> int:
        """Address of a variable of the kernel."""
        return _KERNEL_IMAGE + self._slide + self.random.choice(_DATA)

    def at(self, offset: int) -> int:
        """Address of what is at an offset in the kernel's image."""
        return _KERNEL_IMAGE + self._slide + offset

    def heap(self) -> int:
        """Address of an object in the linear map."""
        offset = self.random.randrange(0, PAGE, 64)
        return _LINEAR_MAP + self.pages(1) - DRAM_BASE + offset

    def stack(self) -> int:
        """A stack pointer of the kernel."""
        top = _VMALLOC + self.random.randrange(0x4000) * 2 * _STACK_SIZE + _STACK_SIZE
        return top - self.random.randrange(0x100, 0x800, 16)

    def user(self) -> int:
        """An address of a process."""
        return self.random.randrange(0xAAAA_0000_0000, _USER_END, 16)
