"""Where the entries of an ITS's tables are in guest RAM."""

from __future__ import annotations

from typing import Final

from emu.arch.its import (
    ENTRY_BYTES,
    GITS_BASER,
    TABLE_PAGE_BYTES,
    FirstLevelEntry,
)
from emu.core.ports import GuestMemory
from emu.errors import GuestError

ID_BITS: Final = 16
"""Bits of a device id, an event id and a collection id (VITS_TYPER_DEVBITS and VITS_TYPER_IDBITS
in arch/arm64/kvm/vgic/vgic-its.c, Linux 6.1; GITS_TYPER.CIL is 0)."""

ENTRIES_PER_PAGE: Final = TABLE_PAGE_BYTES // ENTRY_BYTES


class GuestTables:
    """Entries of 64 bits in guest RAM."""

    def __init__(self, memory: GuestMemory) -> None:
        self._memory = memory

    def read(self, address: int) -> int:
        """An entry; raises `GuestError` if it is not in RAM."""
        return int.from_bytes(self._memory.read(address, ENTRY_BYTES), "little")

    def write(self, address: int, entry: int) -> None:
        """Store an entry; raises `GuestError` if it is not in RAM."""
        self._memory.write(address, entry.to_bytes(ENTRY_BYTES, "little"))

    def entry_address(self, baser: GITS_BASER, entry_id: int) -> int | None:
        """Where the entry of an id is; None if the table has none, or it is not in RAM.

        A table of two levels has only those whose page of the second level is valid
        (vgic_its_check_id in vgic-its.c, Linux 6.1).
        """
        if entry_id >> ID_BITS:
            return None
        table_bytes = table_size_bytes(baser)
        if not baser.Indirect:
            address = baser.address + entry_id * ENTRY_BYTES
            return address if entry_id * ENTRY_BYTES < table_bytes and self.has(address) else None
        page, index = divmod(entry_id, ENTRIES_PER_PAGE)
        first_level = baser.address + page * ENTRY_BYTES
        if page * ENTRY_BYTES >= table_bytes or not self.has(first_level):
            return None
        entry = FirstLevelEntry(self.read(first_level))
        address = page_address(entry) + index * ENTRY_BYTES
        return address if entry.Valid and self.has(address) else None

    def has(self, address: int) -> bool:
        """Whether there is RAM for an entry."""
        try:
            self._memory.read(address, ENTRY_BYTES)
        except GuestError:
            return False
        return True


def table_size_bytes(baser: GITS_BASER) -> int:
    """Size of a table; of the first level, if it has two."""
    return (baser.Size + 1) * TABLE_PAGE_BYTES


def page_address(entry: FirstLevelEntry) -> int:
    """Where a page of the second level is."""
    return entry.Physical_Address << FirstLevelEntry.Physical_Address.lsb


def itt_entry_address(itt_address: int, event_id: int) -> int:
    """Where the entry of an event is."""
    return itt_address + event_id * ENTRY_BYTES


ITT_ALIGNMENT_BITS: Final = 8
"""Interrupt translation tables begin at multiples of 256 bytes: what is kept of their addresses in
a command and in a `DeviceEntry` is the rest."""
