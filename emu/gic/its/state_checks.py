"""Whether a state of an ITS is one that an ITS can have."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from emu.arch.gicv3 import LPI_FIRST
from emu.errors import IncompatibleError
from emu.gic.its.tables import ID_BITS, ITT_ALIGNMENT_BITS
from emu.gic.lpi_tables import LPI_ID_BITS
from emu.gic.state import BASERS_RESET, CollectionState, DeviceState, ItsState, LpiState

_ADDRESS_BITS = 52


def check_state(state: ItsState, vcpu_count: int) -> None:
    """Raise `IncompatibleError` unless the state is whole, and one for so many vCPUs."""
    _expect(len(state.basers) == len(BASERS_RESET), "GITS_BASER", f"{len(BASERS_RESET)} of them")
    _expect_unique("LPI", [lpi.intid for lpi in state.lpis])
    _expect_unique("collection", [collection.icid for collection in state.collections])
    _expect_unique("device", [device.device_id for device in state.devices])
    for lpi in state.lpis:
        _check_lpi(lpi, vcpu_count)
    for collection in state.collections:
        _check_collection(collection, vcpu_count)
    intids = {lpi.intid for lpi in state.lpis}
    icids = {collection.icid for collection in state.collections}
    for device in state.devices:
        _check_device(device, intids, icids)
    used = {each.intid for device in state.devices for each in device.translations}
    _expect(used == intids, "the LPIs", "an event for each")


def _check_lpi(lpi: LpiState, vcpu_count: int) -> None:
    what = f"LPI {lpi.intid}"
    _expect(LPI_FIRST <= lpi.intid < 1 << LPI_ID_BITS, what, "the INTID of an LPI")
    _expect(0 <= lpi.configuration <= 0xFF, what, "one byte of configuration")
    _check_vcpu(what, lpi.vcpu, vcpu_count)


def _check_collection(collection: CollectionState, vcpu_count: int) -> None:
    what = f"collection {collection.icid}"
    _expect(0 <= collection.icid < 1 << ID_BITS, what, f"an id of {ID_BITS} bits")
    _check_vcpu(what, collection.vcpu, vcpu_count)


def _check_device(device: DeviceState, intids: set[int], icids: set[int]) -> None:
    what = f"device {device.device_id:#x}"
    _expect(0 <= device.device_id < 1 << ID_BITS, what, f"an id of {ID_BITS} bits")
    _expect(1 <= device.event_id_bits <= ID_BITS, what, f"events with 1 to {ID_BITS} bits")
    unaligned = device.itt_address % (1 << ITT_ALIGNMENT_BITS)
    _expect(0 <= device.itt_address >> _ADDRESS_BITS < 1 and not unaligned, what, "an ITT address")
    _expect_unique(f"{what}: event", [each.event_id for each in device.translations])
    for each in device.translations:
        event = f"{what}, event {each.event_id:#x}"
        _expect(0 <= each.event_id < 1 << device.event_id_bits, event, "an id within its bits")
        _expect(each.intid in intids, event, f"LPI {each.intid} to be there")
        _expect(each.icid is None or each.icid in icids, event, f"collection {each.icid}")


def _check_vcpu(what: str, vcpu: int | None, vcpu_count: int) -> None:
    _expect(vcpu is None or 0 <= vcpu < vcpu_count, what, f"a vCPU below {vcpu_count}")


def _expect_unique(what: str, ids: Sequence[Hashable]) -> None:
    _expect(len(set(ids)) == len(ids), what, "no id twice")


def _expect(holds: bool, what: str, expected: str) -> None:
    if not holds:
        raise IncompatibleError(f"the ITS state: {what}: expected {expected}")
