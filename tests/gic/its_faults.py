"""What may be wrong with an ITS and its LPIs: each fault is one edit of the model."""

from __future__ import annotations

from functools import partial
from typing import Any

from emu.arch.gicv3 import LpiConfiguration
from emu.arch.its import GITS_BASER, ItsCommand
from emu.gic.its import saved_tables
from emu.gic.its.commands import Commands
from emu.gic.its.mappings import Collection, Device, Mappings
from emu.gic.its.registers import ItsRegisters
from emu.gic.its.tables import GuestTables
from emu.gic.lpi_tables import LpiTables
from emu.gic.lpis import Lpi, Lpis
from emu.gic.state import ItsState, LpiState
from tests.gic import faults
from tests.gic.faults import Fault, Original

ITS_FAULTS: dict[str, Fault] = {}

fault = partial(faults.fault, faults=ITS_FAULTS)


def nothing(*_arguments: Any) -> None:
    """What a forgotten step does."""


# --- LPIs -----------------------------------------------------------------------------------------


@fault(Lpis, "acknowledge")
def an_acknowledged_lpi_stays_pending(_original: Original) -> Original:
    return nothing


@fault(Lpis, "clear")
def a_cleared_lpi_stays_pending(_original: Original) -> Original:
    return nothing


@fault(Lpis, "invalidate")
def the_configuration_is_never_read_again(_original: Original) -> Original:
    return nothing


@fault(Lpis, "invalidate_all")
def an_invalidation_reaches_no_other_vcpu(original: Original) -> Original:
    return lambda lpis, _vcpu: original(lpis, 0)


@fault(Lpis, "highest")
def a_change_of_the_table_is_seen_at_once(original: Original) -> Original:
    def highest(lpis: Lpis, vcpu: int, groups: int) -> Any:
        lpis.invalidate_all(vcpu)
        return original(lpis, vcpu, groups)

    return highest


@fault(Lpis, "highest")
def lpis_are_signalled_while_they_are_disabled(original: Original) -> Original:
    def highest(lpis: Lpis, vcpu: int, groups: int) -> Any:
        enabled, lpis.enabled[vcpu] = lpis.enabled[vcpu], True
        found = original(lpis, vcpu, groups)
        lpis.enabled[vcpu] = enabled
        return found

    return highest


@fault(Lpis, "move")
def a_moved_lpi_is_still_signalled_to_the_old_vcpu(_original: Original) -> Original:
    def move(_lpis: Lpis, lpi: Lpi, vcpu: int) -> None:
        lpi.vcpu = vcpu

    return move


@fault(Lpis, "move_all")
def all_lpis_are_moved_wherever_they_go(_original: Original) -> Original:
    """The MOVALL of Linux 6.10 to 6.12."""

    def move_all(lpis: Lpis, _source: int, target: int) -> None:
        for vcpu in range(len(lpis.enabled)):
            for lpi in lpis._of(vcpu):
                lpis.move(lpi, target)

    return move_all


@fault(Lpis, "unmap")
def an_lpi_is_gone_with_the_first_of_its_events(original: Original) -> Original:
    def unmap(lpis: Lpis, lpi: Lpi) -> None:
        if lpis.get(lpi.intid) is lpi:
            lpi.events = 1
            original(lpis, lpi)

    return unmap


@fault(Lpis, "enable")
def ptz_is_ignored(original: Original) -> Original:
    return lambda lpis, vcpu, *, all_zero: original(lpis, vcpu, all_zero=False)


@fault(Lpis, "enable")
def the_pending_table_is_not_read(original: Original) -> Original:
    return lambda lpis, vcpu, *, all_zero: original(lpis, vcpu, all_zero=True)


@fault(Lpis, "save_pending")
def pending_tables_are_not_saved(_original: Original) -> Original:
    return nothing


@fault(LpiTables, "set_pending")
def what_is_taken_from_the_pending_table_stays_in_it(_original: Original) -> Original:
    return nothing


@fault(LpiTables, "is_pending")
def the_pending_table_is_always_empty(_original: Original) -> Original:
    return lambda _tables, _vcpu, _intid: False


@fault(LpiTables, "configuration")
def low_bits_of_the_priority_are_lost(original: Original) -> Original:
    def configuration(tables: LpiTables, intid: int) -> LpiConfiguration:
        return LpiConfiguration(original(tables, intid).value & 0xF1)

    return configuration


# --- commands -------------------------------------------------------------------------------------


@fault(Mappings, "remove_device")
def a_device_that_is_mapped_again_keeps_its_events(original: Original) -> Original:
    def remove_device(mappings: Mappings, device_id: int) -> None:
        device = mappings.devices.get(device_id)
        original(mappings, device_id) if device is None else None

    return remove_device


@fault(Mappings, "remove_collection")
def events_of_an_unmapped_collection_go_on(_original: Original) -> Original:
    def remove_collection(mappings: Mappings, icid: int) -> None:
        mappings.collections.pop(icid, None)

    return remove_collection


@fault(Mappings, "retarget")
def lpis_do_not_follow_their_collection(_original: Original) -> Original:
    def retarget(_mappings: Mappings, collection: Collection, vcpu: int) -> None:
        collection.vcpu = vcpu

    return retarget


@fault(Commands, "_movi")
def movi_moves_no_event(_original: Original) -> Original:
    return nothing


@fault(Commands, "_invall")
def invall_reaches_only_the_first_vcpu(_original: Original) -> Original:
    return lambda commands, _command: commands._lpis.invalidate_all(0)


@fault(Commands, "_mapi")
def mapi_takes_the_intid_of_mapti(_original: Original) -> Original:
    return lambda commands, command: commands._map(command, command.pINTID)


@fault(Commands, "_has_room")
def an_event_beyond_the_table_is_mapped(_original: Original) -> Original:
    return lambda _commands, _device, _event_id: True


@fault(Commands, "_has_room")
def an_event_needs_no_memory(_original: Original) -> Original:
    def has_room(_commands: Commands, device: Device, event_id: int) -> bool:
        return not event_id >> device.event_id_bits

    return has_room


@fault(Commands, "_vcpu")
def a_target_that_there_is_not_is_the_last_vcpu(_original: Original) -> Original:
    return lambda commands, target, _error: min(target, commands._vcpu_count - 1)


@fault(Commands, "resolve")
def an_msi_is_kept_for_a_vcpu_without_lpis(original: Original) -> Original:
    def resolve(commands: Commands, device_id: int, event_id: int) -> Any:
        enabled = commands._lpis.enabled
        before = list(enabled)
        enabled[:] = [True] * len(enabled)
        try:
            return original(commands, device_id, event_id)
        finally:
            enabled[:] = before

    return resolve


@fault(GuestTables, "write")
def nothing_is_written_to_tables(_original: Original) -> Original:
    return nothing


@fault(GuestTables, "entry_address")
def a_table_has_one_level(original: Original) -> Original:
    def entry_address(tables: GuestTables, baser: GITS_BASER, entry_id: int) -> Any:
        return original(tables, baser.replace(Indirect=0), entry_id)

    return entry_address


# --- registers and queue --------------------------------------------------------------------------


@fault(ItsRegisters, "_write_cbaser")
def the_queue_can_be_moved_while_it_is_used(original: Original) -> Original:
    def write_cbaser(registers: ItsRegisters, index: int, value: int) -> None:
        enabled, registers.enabled = registers.enabled, False
        original(registers, index, value)
        registers.enabled = enabled

    return write_cbaser


@fault(ItsRegisters, "_write_baser")
def a_table_without_valid_keeps_what_is_mapped(original: Original) -> Original:
    def write_baser(registers: ItsRegisters, index: int, value: int) -> None:
        invalidated, registers._table_invalidated = registers._table_invalidated, nothing
        original(registers, index, value)
        registers._table_invalidated = invalidated

    return write_baser


@fault(ItsRegisters, "_write_ctlr")
def the_its_is_enabled_without_tables(_original: Original) -> Original:
    def write_ctlr(registers: ItsRegisters, _index: int, value: int) -> None:
        registers.enabled = bool(value & 1)
        registers._run()

    return write_ctlr


@fault(ItsRegisters, "_ctlr")
def the_its_is_never_quiescent(original: Original) -> Original:
    return lambda registers: original(registers) & 1


@fault(ItsRegisters, "_write_cwriter")
def the_last_command_waits_for_the_next(original: Original) -> Original:
    def write_cwriter(registers: ItsRegisters, index: int, value: int) -> None:
        original(registers, index, max(0, value - 32))

    return write_cwriter


@fault(ItsCommand, "__init__")
def a_device_id_has_sixteen_bits(original: Original) -> Original:
    def construct(command: ItsCommand, value: int = 0) -> None:
        original(command, value & ~(0xFFFF << 48))

    return construct


# --- saves and restores ---------------------------------------------------------------------------


@fault(saved_tables, "_distances")
def every_entry_is_the_last(_original: Original) -> Original:
    return lambda ids, _most: [(each, 0) for each in sorted(ids)]


@fault(saved_tables, "_save_collections")
def collections_are_not_saved(_original: Original) -> Original:
    return nothing


@fault(Lpis, "load_state")
def a_loaded_lpi_is_not_signalled(original: Original) -> Original:
    def load_state(lpis: Lpis, states: list[LpiState]) -> None:
        original(lpis, states)
        for pending in lpis._pending:
            pending.clear()

    return load_state


@fault(ItsRegisters, "load_state")
def the_queue_is_run_again_after_a_load(original: Original) -> Original:
    def load_state(registers: ItsRegisters, state: ItsState) -> None:
        original(registers, state)
        registers._creadr = 0

    return load_state
