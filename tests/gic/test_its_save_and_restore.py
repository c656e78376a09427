"""The ITS as a VMM saves and restores it: registers, and tables in the guest's RAM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from emu.arch.gicv3 import GICR
from emu.arch.its import GITS
from emu.core.ram import Ram
from emu.errors import GuestError, IncompatibleError, MachineError
from emu.gic.its import saved_tables
from emu.gic.its.mappings import TRANSLATION_COUNT_MAX
from emu.gic.state import (
    CollectionState,
    DeviceState,
    ItsState,
    LpiState,
    TranslationState,
)
from harness.reference.gic_bench import GicBench
from tests.gic.its_bench import DEVICE, EVENT, LPI, ItsBench
from tests.gic.its_side_by_side import (
    BASE,
    COLLECTION_TABLE,
    DEVICE_TABLE,
    DISCARD,
    INDIRECT,
    ITT,
    QUEUE_BYTES,
    SIZE_BYTES,
    VALID,
    mapc,
    mapd,
    mapti,
    on_event,
)

IIDR, CBASER, CREADR, CWRITER, BASER, CTLR = (
    GITS[f"GITS_{name}"] for name in ("IIDR", "CBASER", "CREADR", "CWRITER", "BASER", "CTLR")
)
SAVED = (IIDR, CBASER, CREADR, CWRITER, *range(BASER, BASER + 64, 8))
"""What Firecracker saves, in the order in which it restores; GITS_CTLR comes after the tables."""


def save(bench: ItsBench) -> tuple[dict[int, int], list[list[int]], Ram]:
    """What a VMM saves: the ITS's registers, the redistributors' of LPIs, and RAM."""
    bench.gic.user_save_pending_tables()
    bench.its.save_tables()
    its = {offset: bench.its.user_read(offset) for offset in (*SAVED, CTLR)}
    words = [GICR["GICR_PROPBASER"], GICR["GICR_PROPBASER"] + 4]
    words += [GICR["GICR_PENDBASER"], GICR["GICR_PENDBASER"] + 4, GICR["GICR_CTLR"]]
    redistributors = [
        [bench.gic.user_read_redistributor(vcpu, offset) for offset in words] for vcpu in (0, 1)
    ]
    return its, redistributors, Ram(BASE, SIZE_BYTES, contents=bench.ram.contents())


def restore(saved: tuple[dict[int, int], list[list[int]], Ram]) -> ItsBench:
    """A fresh GIC that a VMM has restored, in Firecracker's order."""
    its, redistributors, ram = saved
    bench = ItsBench(ram)
    bench.enable_everything()
    words = [GICR["GICR_PROPBASER"], GICR["GICR_PROPBASER"] + 4]
    words += [GICR["GICR_PENDBASER"], GICR["GICR_PENDBASER"] + 4, GICR["GICR_CTLR"]]
    for vcpu, values in enumerate(redistributors):
        for offset, value in zip(words, values, strict=True):
            bench.gic.user_write_redistributor(vcpu, offset, value)
    for offset in SAVED:
        bench.its.user_write(offset, its[offset])
    bench.its.restore_tables()
    bench.its.user_write(CTLR, its[CTLR])
    return bench


# --- what is lost -------------------------------------------------------------------------------


def test_nothing_is_lost_over_registers_and_tables() -> None:
    """Here ids are mapped in ascending order, which is the one that tables have."""
    bench = ItsBench().set_up_lpi()
    bench.configure(LPI + 1, 0x31)
    bench.queue(
        mapd(0x1000, ITT + 0x1000, bits=14),
        mapti(0x1000, 3, LPI + 2, 5),
        mapti(0x1000, 0x3FFF, LPI + 1, 1),
    )
    restored = restore(save(bench))
    assert restored.gic.state() == bench.gic.state()


@pytest.mark.parametrize("configuration", [0x81, 0x80])
def test_a_pending_lpi_is_pending_once_after_a_restore(configuration: int) -> None:
    """One that is disabled stays pending, until it is enabled."""
    bench = ItsBench().set_up_lpi(icid=1)
    bench.its.signal_msi(DEVICE, EVENT)
    bench.configure(LPI, configuration)
    restored = restore(save(bench))
    assert restored.asserted == [False, configuration == 0x81]
    restored.configure(LPI, 0x81)
    restored.write("GICR_INVLPIR", LPI, vcpu=1)
    assert restored.icc("IAR1", vcpu=1) == LPI
    restored.set_icc("EOIR1", LPI, vcpu=1)
    assert restored.asserted == [False, False]
    assert not restored.pending_bit(LPI, vcpu=1)


def test_commands_that_are_left_in_the_queue_are_carried_out_after_a_restore() -> None:
    bench = ItsBench().set_up_lpi()
    bench.write("GITS_CTLR", 0)
    bench.queue(on_event(DISCARD, DEVICE, EVENT))
    restored = restore(save(bench))
    assert len(restored.its.state().lpis) == 1
    restored.write("GITS_CTLR", 1)
    assert restored.its.state().lpis == []


def test_events_of_an_unmapped_collection_have_no_entry() -> None:
    bench = ItsBench().set_up_lpi(icid=1)
    bench.queue(mapti(DEVICE, EVENT + 1, LPI + 1, 0), mapc(1, 0, valid=False))
    restored = restore(save(bench))
    (device,) = restored.its.state().devices
    assert device.translations == [TranslationState(EVENT + 1, LPI + 1, 0)]


# --- how tables are laid out ----------------------------------------------------------------------


def test_entries_are_laid_out_as_kvm_documents_them() -> None:
    """Documentation/virt/kvm/devices/arm-vgic-its.rst, ITS Table ABI REV0."""
    bench = ItsBench().set_up_lpi(icid=1)
    bench.queue(
        mapti(DEVICE, EVENT + 7, LPI + 1, 0),
        mapti(DEVICE, 1, LPI + 2, 9),
        mapd(0x1F00, ITT + 0x100),
    )
    bench.its.save_tables()
    assert [bench.entry(ITT + 8 * event) for event in (1, EVENT, EVENT + 7)] == [
        4 << 48 | LPI + 2 << 16 | 9,
        7 << 48 | LPI << 16 | 1,
        LPI + 1 << 16,
    ]
    assert [bench.entry(DEVICE_TABLE + 8 * device) for device in (DEVICE, 0x1F00)] == [
        VALID | 0x1EFE << 49 | ITT >> 8 << 5 | 4,
        VALID | (ITT + 0x100) >> 8 << 5 | 4,
    ]
    assert [bench.entry(COLLECTION_TABLE + 8 * index) for index in range(4)] == [
        VALID,
        VALID | 1 << 16 | 1,
        VALID | 0xFFFF_FFFF << 16 | 9,
        0,
    ]


def test_the_distance_to_the_next_device_is_bounded_by_its_field() -> None:
    """A restore finds it all the same: it steps through what is not valid."""
    bench = ItsBench().set_up()
    bench.write("GITS_CTLR", 0)
    bench.write("GITS_BASER", DEVICE_TABLE | VALID | INDIRECT, 0)
    for page in (0, 7):
        entry = BASE + (0xB_0000 if page else 0x2_0000) | VALID
        bench.ram.write(DEVICE_TABLE + 8 * page, entry.to_bytes(8, "little"))
    bench.write("GITS_CTLR", 1)
    bench.queue(mapd(0xFFFF, ITT + 0x1000))
    bench.its.save_tables()
    assert bench.entry(BASE + 0x2_0000 + 8 * DEVICE) >> 49 == 0x3FFF | 1 << 14
    assert restore(save(bench)).gic.state() == bench.gic.state()


def test_unmapping_takes_entries_out_of_the_tables() -> None:
    """Linux 6.12 and stable releases since: what is left would be mapped by the next restore."""
    bench = ItsBench().set_up_lpi()
    bench.its.save_tables()
    bench.queue(on_event(DISCARD, DEVICE, EVENT))
    assert bench.entry(ITT + 8 * EVENT) == 0
    bench.queue(mapd(DEVICE, 0, valid=False))
    assert bench.entry(DEVICE_TABLE + 8 * DEVICE) == 0


def test_a_device_without_room_in_the_table_can_not_be_saved() -> None:
    bench = ItsBench().set_up()
    bench.write("GITS_CTLR", 0)
    bench.write("GITS_BASER", BASE + SIZE_BYTES | VALID, 0)
    with pytest.raises(IncompatibleError, match="no room for device 0x2"):
        bench.its.save_tables()


# --- what a restore refuses -----------------------------------------------------------------------

DEVICE_ENTRY = DEVICE_TABLE + 8 * DEVICE
EVENT_ENTRY = ITT + 8 * EVENT


@pytest.mark.parametrize(
    ("address", "entry", "message"),
    [
        (COLLECTION_TABLE, VALID | 2 << 16, "2 vCPUs"),
        (COLLECTION_TABLE, VALID | 0x2000, "no room for that collection"),
        (COLLECTION_TABLE, VALID | 1 << 16 | 1, "mapped already"),
        (DEVICE_ENTRY, VALID | ITT >> 8 << 5 | 16, "16 bits at most"),
        (EVENT_ENTRY, 8191 << 16, "not the INTID of an LPI"),
        (EVENT_ENTRY, 1 << 32, "not the INTID of an LPI"),
        (EVENT_ENTRY, LPI << 16 | 7, "no such collection"),
        (EVENT_ENTRY, 32 - EVENT << 48 | LPI << 16, "beyond the table"),
    ],
)
def test_an_entry_that_no_save_writes_is_refused(address: int, entry: int, message: str) -> None:
    """Nothing is mapped then, and the GIC can be restored from better tables."""
    its, redistributors, ram = save(ItsBench().set_up_lpi())
    good = ram.read(address, 8)
    ram.write(address, entry.to_bytes(8, "little"))
    with pytest.raises(IncompatibleError, match=message):
        restore((its, redistributors, ram))
    ram.write(address, good)
    assert len(restore((its, redistributors, ram)).its.state().lpis) == 1


@pytest.mark.parametrize("address", [DEVICE_ENTRY, DEVICE_TABLE])
def test_a_table_that_is_not_in_ram_can_not_be_restored(address: int) -> None:
    its, redistributors, ram = save(ItsBench().set_up_lpi())
    ram.write(address, (VALID | 1 << 5 | 4).to_bytes(8, "little"))
    with pytest.raises(GuestError, match="not all RAM"):
        restore((its, redistributors, ram))


def test_a_failed_restore_leaves_nothing() -> None:
    bench = ItsBench().set_up_lpi()
    bench.its.save_tables()
    bench.ram.write(EVENT_ENTRY, (1 << 16).to_bytes(8, "little"))
    bench.its.reset()
    bench.write("GITS_BASER", DEVICE_TABLE | VALID, 0)
    bench.write("GITS_BASER", COLLECTION_TABLE | VALID, 1)
    with pytest.raises(IncompatibleError):
        bench.its.restore_tables()
    state = bench.its.state()
    assert (state.devices, state.collections, state.lpis) == ([], [], [])


def test_tables_that_lead_in_circles_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand devices share one large table without an entry that is valid."""
    assert saved_tables.LOOKED_AT_MAX > (1 << 16) + TRANSLATION_COUNT_MAX
    monkeypatch.setattr(saved_tables, "LOOKED_AT_MAX", 50_000)
    bench = ItsBench().set_up()
    bench.queue(mapd(DEVICE, 0, valid=False))
    entry = VALID | 1 << 49 | BASE + 0xE_0000 >> 8 << 5 | 13
    for device in range(1000):
        bench.ram.write(DEVICE_TABLE + 8 * device, entry.to_bytes(8, "little"))
    bench.its.reset()
    bench.write("GITS_BASER", DEVICE_TABLE | VALID, 0)
    with pytest.raises(IncompatibleError, match="more than 50000 entries"):
        bench.its.restore_tables()


def test_without_valid_tables_there_is_nothing_to_save_or_restore() -> None:
    bench = ItsBench()
    bench.its.save_tables()
    bench.its.restore_tables()
    assert bench.its.state() == ItsState()
    assert not any(bench.ram.contents())


# --- registers ------------------------------------------------------------------------------------


def test_a_vmm_finds_what_the_guest_finds() -> None:
    bench = ItsBench().set_up_lpi()
    for slot in GITS.slots:
        if slot.name in {"GITS_CTLR", "GITS_IIDR", "GITS_TYPER", "GITS_CBASER", "GITS_CIDR0"}:
            assert bench.its.user_read(slot.offset) == bench.read(slot.name)
    assert bench.its.user_read(BASER + 8) == bench.read("GITS_BASER", 1)


@pytest.mark.parametrize("offset", [0x2, 0xC, 0x84, 0x10C, 0xFFD2])
def test_registers_are_accessed_whole(offset: int) -> None:
    with pytest.raises(IncompatibleError, match="whole register"):
        ItsBench().its.user_read(offset)


@pytest.mark.parametrize("offset", [0x10, 0x40, 0x98, 0x140, 0x1_0040, 0x2_0000])
def test_offsets_without_a_register_are_refused(offset: int) -> None:
    for access in (ItsBench().its.user_read, lambda at: ItsBench().its.user_write(at, 0)):
        with pytest.raises(MachineError, match="no register"):
            access(offset)


def test_creadr_can_be_set_within_the_queue_while_the_its_is_disabled() -> None:
    bench = ItsBench().set_up()
    with pytest.raises(MachineError, match="enabled"):
        bench.its.user_write(CREADR, 0)
    bench.write("GITS_CTLR", 0)
    bench.its.user_write(CREADR, 64)
    assert bench.its.user_read(CREADR) == 64
    with pytest.raises(IncompatibleError, match="not in the queue"):
        bench.its.user_write(CREADR, QUEUE_BYTES)


def test_tables_of_another_layout_are_refused() -> None:
    its = ItsBench().its
    its.user_write(IIDR, 0x4B00_043B)
    with pytest.raises(IncompatibleError, match="revision 1"):
        its.user_write(IIDR, 0x4B00_143B)


def test_a_reset_forgets_what_is_mapped_and_keeps_where_tables_were() -> None:
    bench = ItsBench().set_up_lpi()
    bench.its.reset()
    state = bench.its.state()
    bases = [DEVICE_TABLE, COLLECTION_TABLE]
    assert [baser & 0xFFFF_0000 for baser in state.basers] == bases
    assert state == ItsState(basers=state.basers)
    assert not any(baser & VALID for baser in state.basers)


# --- plain state ----------------------------------------------------------------------------------


def test_a_state_can_be_loaded_in_parts() -> None:
    bench = ItsBench().set_up_lpi()
    bench.its.signal_msi(DEVICE, EVENT)
    state = bench.gic.state()
    fresh = ItsBench(bench.ram)
    assert state.its is not None
    fresh.gic.load_its(state.its)
    for vcpu in (0, 1):
        fresh.gic.load_cpu_interface(vcpu, state.cpu_interfaces[vcpu])
        fresh.gic.load_redistributor(vcpu, state.redistributors[vcpu])
    fresh.gic.load_distributor(state.distributor)
    assert fresh.gic.state() == state
    assert fresh.asserted == [True, False]
    assert not any(fresh.events)


def test_a_state_with_an_its_needs_one_and_a_state_without_none() -> None:
    for one, other in ((GicBench((0, 1), 32), ItsBench()), (ItsBench(), GicBench((0, 1), 32))):
        with pytest.raises(IncompatibleError, match="unlike this one"):
            one.gic.load_state(other.gic.state())


def _edit(change: Callable[[ItsState], None]) -> ItsState:
    state = ItsBench().set_up_lpi().its.state()
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda its: its.basers.pop(), "GITS_BASER"),
        (lambda its: its.lpis.append(its.lpis[0]), "no id twice"),
        (lambda its: its.lpis.append(LpiState(9000, 0, 0)), "an event for each"),
        (lambda its: its.lpis.__setitem__(0, replace(its.lpis[0], intid=8191)), "INTID of an LPI"),
        (lambda its: its.lpis.__setitem__(0, replace(its.lpis[0], vcpu=2)), "below 2"),
        (lambda its: its.lpis.__setitem__(0, replace(its.lpis[0], configuration=256)), "one byte"),
        (lambda its: its.lpis.clear(), f"LPI {LPI} to be there"),
        (lambda its: its.collections.append(CollectionState(0, 0)), "no id twice"),
        (lambda its: its.collections.append(CollectionState(1 << 16, 0)), "16 bits"),
        (lambda its: its.collections.append(CollectionState(3, 9)), "below 2"),
        (lambda its: its.collections.clear(), "collection 0"),
        (lambda its: its.devices.append(its.devices[0]), "no id twice"),
        (lambda its: its.devices.append(DeviceState(1 << 16, 0, 1)), "16 bits"),
        (lambda its: its.devices.append(DeviceState(1, 0x80, 1)), "an ITT address"),
        (lambda its: its.devices.append(DeviceState(1, 0, 17)), "1 to 16 bits"),
        (
            lambda its: its.devices[0].translations.append(TranslationState(32, LPI, 0)),
            "an id within its bits",
        ),
        (
            lambda its: its.devices[0].translations.append(TranslationState(EVENT, LPI, 0)),
            "no id twice",
        ),
    ],
)
def test_a_state_that_no_its_has_is_refused_whole(
    change: Callable[[ItsState], None], message: str
) -> None:
    bench = ItsBench()
    before = bench.gic.state()
    with pytest.raises(IncompatibleError, match=message):
        bench.gic.load_its(_edit(change))
    assert bench.gic.state() == before
