"""The mappings of an ITS in the guest's tables, as KVM saves and restores them (revision 0).

The device table has an entry for each device, whose interrupt translation table has one for each
event; each says how far it is to the next, so that a restore need not look at all. The entries of
the collection table stand side by side.

Sources: vgic_its_save_tables_v0 and vgic_its_restore_tables_v0 in arch/arm64/kvm/vgic/vgic-its.c,
Linux 6.12; Documentation/virt/kvm/devices/arm-vgic-its.rst. Two things are other than there. An
event whose collection was unmapped has no entry, where KVM follows a null pointer. And what a
restore looks at is bounded: ids beyond 16 bits, which KVM would refuse one by one, are not looked
at, and tables that lead through more entries than any guest has are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from emu.arch.gicv3 import LPI_FIRST
from emu.arch.its import (
    ENTRY_BYTES,
    GITS_BASER,
    CollectionEntry,
    DeviceEntry,
    FirstLevelEntry,
    TranslationEntry,
)
from emu.errors import GuestError, IncompatibleError
from emu.gic.its.mappings import TRANSLATION_COUNT_MAX, Collection, Device, Mappings
from emu.gic.its.tables import (
    ENTRIES_PER_PAGE,
    ID_BITS,
    ITT_ALIGNMENT_BITS,
    GuestTables,
    itt_entry_address,
    page_address,
    table_size_bytes,
)
from emu.gic.lpi_tables import LPI_ID_BITS
from emu.gic.lpis import Lpis

NOT_MAPPED: Final = 0xFFFF_FFFF
"""The target of a collection that is not mapped (COLLECTION_NOT_MAPPED)."""

LOOKED_AT_MAX: Final = 1 << 19
"""Entries that a restore looks at. What was saved has an entry for each event, and a few more are
looked at: at most as many as there are device ids."""

_DEVICE_NEXT_MAX: Final = DeviceEntry.Next.mask >> DeviceEntry.Next.lsb
_EVENT_NEXT_MAX: Final = TranslationEntry.Next.mask >> TranslationEntry.Next.lsb


def save(mappings: Mappings, tables: GuestTables, basers: Sequence[GITS_BASER]) -> None:
    """Write the tables that there are.

    Raises:
        IncompatibleError: the device table has no room for a device.
        GuestError: a table is not in RAM.
    """
    devices, collections = basers
    if devices.Valid:
        _save_devices(mappings.devices, tables, devices)
    if collections.Valid:
        _save_collections(mappings.collections.values(), tables, collections)


def _save_devices(devices: dict[int, Device], tables: GuestTables, baser: GITS_BASER) -> None:
    for device_id, distance in _distances(devices, _DEVICE_NEXT_MAX):
        address = tables.entry_address(baser, device_id)
        if address is None:
            raise IncompatibleError(f"the ITS's device table has no room for device {device_id:#x}")
        device = devices[device_id]
        _save_events(device, tables)
        entry = DeviceEntry().replace(
            Valid=1,
            Next=distance,
            ITT_addr=device.itt_address >> ITT_ALIGNMENT_BITS,
            Size=device.event_id_bits - 1,
        )
        tables.write(address, entry.value)


def _save_events(device: Device, tables: GuestTables) -> None:
    events = {
        event_id: (translation, translation.collection)
        for event_id, translation in device.translations.items()
        if translation.collection is not None
    }
    for event_id, distance in _distances(events, _EVENT_NEXT_MAX):
        translation, collection = events[event_id]
        entry = TranslationEntry().replace(
            Next=distance, pINTID=translation.lpi.intid, ICID=collection.icid
        )
        tables.write(itt_entry_address(device.itt_address, event_id), entry.value)


def _save_collections(
    collections: Iterable[Collection], tables: GuestTables, baser: GITS_BASER
) -> None:
    """They end with an entry that is not valid, unless they fill the table."""
    address = baser.address
    for collection in collections:
        target = NOT_MAPPED if collection.vcpu is None else collection.vcpu
        entry = CollectionEntry().replace(Valid=1, Target=target, ICID=collection.icid)
        tables.write(address, entry.value)
        address += ENTRY_BYTES
    if address - baser.address < table_size_bytes(baser):
        tables.write(address, 0)


def _distances(ids: Iterable[int], most: int) -> Iterable[tuple[int, int]]:
    """Each id, in ascending order, with how far it is to the next one; 0 for the last."""
    ordered = sorted(ids)
    yield from ((before, min(after - before, most)) for before, after in pairwise(ordered))
    yield from ((last, 0) for last in ordered[-1:])


def restore(
    mappings: Mappings,
    lpis: Lpis,
    tables: GuestTables,
    basers: Sequence[GITS_BASER],
    vcpu_count: int,
) -> None:
    """Map what the tables say; if that can't be done, nothing is mapped.

    Raises:
        IncompatibleError: an entry is not one of a state that was saved.
        GuestError: a table is not in RAM.
    """
    restorer = _Restorer(mappings, lpis, tables, vcpu_count)
    devices, collections = basers
    try:
        if collections.Valid:
            restorer.restore_collections(collections)
        if devices.Valid:
            restorer.restore_devices(devices)
    except (IncompatibleError, GuestError):
        mappings.remove_devices()
        mappings.remove_collections()
        raise


class _Restorer:
    """One restore."""

    def __init__(
        self, mappings: Mappings, lpis: Lpis, tables: GuestTables, vcpu_count: int
    ) -> None:
        self._mappings = mappings
        self._lpis = lpis
        self._tables = tables
        self._vcpu_count = vcpu_count
        self._looked_at = 0

    def restore_collections(self, baser: GITS_BASER) -> None:
        for offset in range(0, table_size_bytes(baser), ENTRY_BYTES):
            entry = CollectionEntry(self._read(baser.address + offset))
            if not entry.Valid:
                return
            self._restore_collection(baser, entry)

    def _restore_collection(self, baser: GITS_BASER, entry: CollectionEntry) -> None:
        what = f"the ITS's collection table: {entry}"
        if entry.Target != NOT_MAPPED and entry.Target >= self._vcpu_count:
            raise IncompatibleError(f"{what}: there are {self._vcpu_count} vCPUs")
        if self._tables.entry_address(baser, entry.ICID) is None:
            raise IncompatibleError(f"{what}: the table has no room for that collection")
        if entry.ICID in self._mappings.collections:
            raise IncompatibleError(f"{what}: it is mapped already; reset the ITS before")
        vcpu = None if entry.Target == NOT_MAPPED else entry.Target
        self._mappings.collections[entry.ICID] = Collection(entry.ICID, vcpu)

    def restore_devices(self, baser: GITS_BASER) -> None:
        if not baser.Indirect:
            count = min(table_size_bytes(baser) // ENTRY_BYTES, 1 << ID_BITS)
            self._scan_devices(baser, baser.address, range(count))
            return
        pages = min(table_size_bytes(baser) // ENTRY_BYTES, (1 << ID_BITS) // ENTRIES_PER_PAGE)
        for page in range(pages):
            entry = FirstLevelEntry(self._read(baser.address + page * ENTRY_BYTES))
            ids = range(page * ENTRIES_PER_PAGE, (page + 1) * ENTRIES_PER_PAGE)
            if entry.Valid and self._scan_devices(baser, page_address(entry), ids):
                return

    def _scan_devices(self, baser: GITS_BASER, base: int, ids: range) -> bool:
        """Whether the last device was among those with `ids`."""
        return self._scan(
            base, ids, lambda device_id, value: self._restore_device(baser, device_id, value)
        )

    def _restore_device(self, baser: GITS_BASER, device_id: int, value: int) -> int:
        entry = DeviceEntry(value)
        if not entry.Valid:
            return 1
        what = f"the ITS's device table: device {device_id:#x}, {entry}"
        if entry.Size >= ID_BITS:
            raise IncompatibleError(f"{what}: event ids have {ID_BITS} bits at most")
        if self._tables.entry_address(baser, device_id) is None:
            raise IncompatibleError(f"{what}: the table has no room for it")
        if device_id in self._mappings.devices:
            raise IncompatibleError(f"{what}: it is mapped already; reset the ITS before")
        address = entry.ITT_addr << ITT_ALIGNMENT_BITS
        device = Device(device_id, address, entry.Size + 1)
        self._mappings.devices[device_id] = device
        self._scan(
            address,
            range(1 << device.event_id_bits),
            lambda event_id, each: self._restore_event(device, event_id, each),
        )
        return entry.Next

    def _restore_event(self, device: Device, event_id: int, value: int) -> int:
        entry = TranslationEntry(value)
        if not entry.pINTID:
            return 1
        what = f"the ITS's table of device {device.device_id:#x}: event {event_id:#x}, {entry}"
        if not LPI_FIRST <= entry.pINTID < 1 << LPI_ID_BITS:
            raise IncompatibleError(f"{what}: not the INTID of an LPI")
        if event_id + entry.Next >= 1 << device.event_id_bits:
            raise IncompatibleError(f"{what}: the next event is beyond the table")
        collection = self._mappings.collections.get(entry.ICID)
        if collection is None:
            raise IncompatibleError(f"{what}: no such collection")
        if self._mappings.translation_count >= TRANSLATION_COUNT_MAX:
            raise IncompatibleError(f"{what}: {TRANSLATION_COUNT_MAX} events are mapped")
        lpi = self._lpis.map(entry.pINTID, collection.vcpu)
        self._mappings.add_translation(device, event_id, lpi, collection)
        return entry.Next

    def _scan(self, base: int, ids: range, restore_entry: Callable[[int, int], int]) -> bool:
        """Restore the entries of a table, or of a page of one, that begins at `base`.

        `restore_entry` gives the distance to the next id; 0 for the last entry of all.

        Returns:
            Whether the last entry was found.
        """
        entry_id = ids.start
        while entry_id < ids.stop:
            address = base + (entry_id - ids.start) * ENTRY_BYTES
            distance = restore_entry(entry_id, self._read(address))
            if not distance:
                return True
            entry_id += distance
        return False

    def _read(self, address: int) -> int:
        self._looked_at += 1
        if self._looked_at > LOOKED_AT_MAX:
            raise IncompatibleError(
                f"the ITS's tables lead through more than {LOOKED_AT_MAX} entries: expected those "
                "of a state that was saved"
            )
        return self._tables.read(address)
