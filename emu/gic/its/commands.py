"""What the commands of an ITS do, as KVM's does it.

Source: the vgic_its_cmd_handle_… functions in arch/arm64/kvm/vgic/vgic-its.c: Linux 6.12, of which
MOVALL moves every LPI there is; that one is Linux 6.1's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from emu.arch.gicv3 import LPI_FIRST
from emu.arch.its import GITS_BASER, ItsCommand, ItsOpcode
from emu.gic.its.mappings import (
    TRANSLATION_COUNT_MAX,
    Collection,
    Device,
    Mappings,
    Translation,
)
from emu.gic.its.tables import ID_BITS, ITT_ALIGNMENT_BITS, GuestTables, itt_entry_address
from emu.gic.lpis import Lpi, Lpis


class CommandError(Exception):
    """Why a command is ignored: the name of the error (IHI 0069, 5.3), where it has one. It never
    leaves the ITS.
    """


class Commands:
    """Carries out commands, one at a time.

    Args:
        mappings: what they map.
        lpis: what they do something to.
        tables: where entries have to be.
        basers: GITS_BASER0 and GITS_BASER1 as they are at present.
        vcpu_count: number of vCPUs.
    """

    def __init__(
        self,
        *,
        mappings: Mappings,
        lpis: Lpis,
        tables: GuestTables,
        basers: Sequence[GITS_BASER],
        vcpu_count: int,
    ) -> None:
        self._mappings = mappings
        self._lpis = lpis
        self._tables = tables
        self._basers = basers
        self._vcpu_count = vcpu_count
        self._handlers: Final[dict[int, Callable[[ItsCommand], None]]] = {
            ItsOpcode.MOVI: self._movi,
            ItsOpcode.INT: self._int,
            ItsOpcode.CLEAR: self._clear,
            ItsOpcode.SYNC: self._sync,
            ItsOpcode.MAPD: self._mapd,
            ItsOpcode.MAPC: self._mapc,
            ItsOpcode.MAPTI: self._mapti,
            ItsOpcode.MAPI: self._mapi,
            ItsOpcode.INV: self._inv,
            ItsOpcode.INVALL: self._invall,
            ItsOpcode.MOVALL: self._movall,
            ItsOpcode.DISCARD: self._discard,
        }

    def execute(self, command: ItsCommand) -> int:
        """Carry out a command; what vCPUs are signalled follows with `Lpis.settle`.

        Returns:
            How many events and LPIs it had to look at, at most.

        Raises:
            CommandError: it is ignored.
            GuestError: likewise: an entry of a table is not in RAM.
        """
        handler = self._handlers.get(command.Opcode)
        if handler is None:
            raise CommandError("no such command")
        handler(command)
        return self._visited(command)

    def resolve(self, device_id: int, event_id: int) -> Lpi:
        """The LPI that an event makes pending.

        Raises:
            CommandError: there is none, or its vCPU's LPIs are disabled.
        """
        translation = self._translation(device_id, event_id, "INT_UNMAPPED_INTERRUPT")
        collection = translation.collection
        if collection is None or collection.vcpu is None:
            raise CommandError("INT_UNMAPPED_INTERRUPT")
        if not self._lpis.enabled[collection.vcpu]:
            raise CommandError(f"LPIs are disabled for vCPU {collection.vcpu}")
        return translation.lpi

    def _visited(self, command: ItsCommand) -> int:
        match command.Opcode:
            case ItsOpcode.INVALL | ItsOpcode.MOVALL:
                return len(self._lpis)
            case ItsOpcode.MAPC:
                return self._mappings.translation_count
        return 1

    # --- devices and collections ----------------------------------------------------------------

    def _mapd(self, command: ItsCommand) -> None:
        """A device that is mapped already loses its events."""
        device_id, event_id_bits = command.DeviceID, command.Size + 1
        entry = self._tables.entry_address(self._basers[0], device_id)
        if entry is None:
            raise CommandError("MAPD_DEVICE_OOR")
        if command.Valid and event_id_bits > ID_BITS:
            raise CommandError("MAPD_ITTSIZE_OOR")
        self._mappings.remove_device(device_id)
        if command.Valid:
            address = command.ITT_addr << ITT_ALIGNMENT_BITS
            self._mappings.devices[device_id] = Device(device_id, address, event_id_bits)
        else:
            self._tables.write(entry, 0)

    def _mapc(self, command: ItsCommand) -> None:
        if not command.Valid:
            self._mappings.remove_collection(command.ICID)
            return
        vcpu = self._vcpu(command.Target, "MAPC_PROCNUM_OOR")
        collection = self._mappings.collections.get(command.ICID)
        if collection is None:
            collection = self._new_collection(command.ICID)
            self._mappings.collections[command.ICID] = collection
        self._mappings.retarget(collection, vcpu)

    def _new_collection(self, icid: int) -> Collection:
        if self._tables.entry_address(self._basers[1], icid) is None:
            raise CommandError("MAPC_COLLECTION_OOR")
        return Collection(icid)

    def _vcpu(self, target: int, error: str) -> int:
        """GITS_TYPER.PTA is 0, so a target is a processor number: a vCPU's index."""
        if target >= self._vcpu_count:
            raise CommandError(error)
        return target

    # --- events -------------------------------------------------------------------------------

    def _mapti(self, command: ItsCommand) -> None:
        self._map(command, command.pINTID)

    def _mapi(self, command: ItsCommand) -> None:
        self._map(command, command.EventID)

    def _map(self, command: ItsCommand, intid: int) -> None:
        """An event that is mapped already stays as it is. A collection need not be mapped."""
        device = self._mappings.devices.get(command.DeviceID)
        if device is None:
            raise CommandError("MAPTI_UNMAPPED_DEVICE")
        if not self._has_room(device, command.EventID):
            raise CommandError("MAPTI_ID_OOR")
        if not LPI_FIRST <= intid < self._lpis.tables.intid_end:
            raise CommandError("MAPTI_PHYSICALID_OOR")
        if command.EventID in device.translations:
            return
        if self._mappings.translation_count >= TRANSLATION_COUNT_MAX:
            raise CommandError(f"{TRANSLATION_COUNT_MAX} events are mapped")
        collection = self._mappings.collections.get(command.ICID)
        if collection is None:
            collection = self._new_collection(command.ICID)
        lpi = self._lpis.map(intid, collection.vcpu)
        self._mappings.collections[command.ICID] = collection
        self._mappings.add_translation(device, command.EventID, lpi, collection)

    def _has_room(self, device: Device, event_id: int) -> bool:
        return not event_id >> device.event_id_bits and self._tables.has(
            itt_entry_address(device.itt_address, event_id)
        )

    def _movi(self, command: ItsCommand) -> None:
        translation = self._translation_of(command, "MOVI_UNMAPPED_INTERRUPT")
        collection = self._mappings.collection(command.ICID)
        if not _is_mapped(translation.collection) or collection is None or collection.vcpu is None:
            raise CommandError("MOVI_UNMAPPED_COLLECTION")
        translation.collection = collection
        self._lpis.move(translation.lpi, collection.vcpu)

    def _discard(self, command: ItsCommand) -> None:
        error = "DISCARD_UNMAPPED_INTERRUPT"
        translation = self._translation_of(command, error)
        if not _is_mapped(translation.collection):
            raise CommandError(error)
        device = self._mappings.devices[command.DeviceID]
        self._mappings.remove_translation(device, command.EventID)
        self._tables.write(itt_entry_address(device.itt_address, command.EventID), 0)

    def _translation_of(self, command: ItsCommand, error: str) -> Translation:
        return self._translation(command.DeviceID, command.EventID, error)

    def _translation(self, device_id: int, event_id: int, error: str) -> Translation:
        translation = self._mappings.translation(device_id, event_id)
        if translation is None:
            raise CommandError(error)
        return translation

    # --- LPIs ---------------------------------------------------------------------------------

    def _int(self, command: ItsCommand) -> None:
        self._lpis.pend(self.resolve(command.DeviceID, command.EventID))

    def _clear(self, command: ItsCommand) -> None:
        self._lpis.clear(self._translation_of(command, "CLEAR_UNMAPPED_INTERRUPT").lpi)

    def _inv(self, command: ItsCommand) -> None:
        self._lpis.invalidate(self._translation_of(command, "INV_UNMAPPED_INTERRUPT").lpi)

    def _invall(self, command: ItsCommand) -> None:
        """All LPIs of the vCPU that the collection goes to, whatever their collections."""
        collection = self._mappings.collection(command.ICID)
        if collection is None or collection.vcpu is None:
            raise CommandError("INVALL_UNMAPPED_COLLECTION")
        self._lpis.invalidate_all(collection.vcpu)

    def _movall(self, command: ItsCommand) -> None:
        """Collections keep their targets: an event of the source's still pends its LPI."""
        error = "MOVALL_PROCNUM_OOR"
        source, target = self._vcpu(command.Target, error), self._vcpu(command.Target2, error)
        if source != target:
            self._lpis.move_all(source, target)

    def _sync(self, _command: ItsCommand) -> None:
        """Commands are carried out one after the other: there is nothing to wait for."""


def _is_mapped(collection: Collection | None) -> bool:
    return collection is not None and collection.vcpu is not None
