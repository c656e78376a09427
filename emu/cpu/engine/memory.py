"""The memory of one Unicorn core: RAM that it shares, and what it keeps of what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import c_uint64
from typing import NamedTuple

from unicorn import UC_PROT_ALL

from emu.cpu.engine.layout import Core
from emu.cpu.engine.registers import CoreRegisters

_UNTRANSLATED = (1 << 64) - 1
_PAGE_MASK = 0xFFF
_LAST_ADDRESS = (1 << 64) - 1


class _MappedRam(NamedTuple):
    """Guest RAM, and where the core's own numbering of RAM has it."""

    base: int
    size_bytes: int
    ram_address: int


class CoreMemory(CoreRegisters):
    """A core with its memory."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self._ram: list[_MappedRam] = []
        self._attributes = (c_uint64 * 4)()  # a MemTxAttrs, and nobody asks what is in it

    def map_ram(self, base: int, size_bytes: int, host_address: int) -> None:
        """Let the core use host memory as guest RAM, without a copy."""
        self._uc.mem_map_ptr(base, size_bytes, UC_PROT_ALL, host_address)
        ram_address = self._library.ram_addr_of(self._handle, host_address)
        self._ram.append(_MappedRam(base, size_bytes, ram_address))

    def gaps_in_ram(self) -> Iterator[tuple[int, int]]:
        """The physical addresses where there is no RAM: first and last of each range."""
        first = 0
        for ram in sorted(self._ram):
            if first < ram.base:
                yield first, ram.base - 1
            first = ram.base + ram.size_bytes
        yield first, _LAST_ADDRESS

    def translate(self, address: int) -> int | None:
        """The physical address of a virtual one in the present context; None if it has none."""
        physical = self._library.translate(self._cpu, address, self._attributes)
        if physical == _UNTRANSLATED:
            return None
        return int(physical) & ~_PAGE_MASK | address & _PAGE_MASK

    # --- what the core keeps of memory -------------------------------------------------------

    def forget_code(self, base: int, size_bytes: int) -> None:
        """Drop the translations of code in a range of physical addresses."""
        for ram_base, ram_size_bytes, ram_address in self._ram:
            start = max(base - ram_base, 0)
            end = min(base + size_bytes - ram_base, ram_size_bytes)
            if start < end:
                self._library.invalidate_translations(
                    self._handle, ram_address + start, ram_address + end
                )

    def forget_all_code(self) -> None:
        """Drop the translations of all code."""
        self._library.flush_translations(self._cpu)

    def forget_page(self, address: int) -> None:
        """Drop what the TLB has of the page of a virtual address, for all regimes and ASIDs."""
        self._library.tlb_flush_page(self._cpu, address)

    def forget_all_pages(self) -> None:
        """Drop what the TLB has."""
        self._library.tlb_flush(self._cpu)
