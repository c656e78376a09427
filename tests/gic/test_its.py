"""The ITS as a driver finds it: registers, the queue, and what goes wrong without harm."""

from __future__ import annotations

from random import Random

import pytest

from emu.arch.its import GITS, GITS_TYPER
from emu.core.events import IrqPended
from emu.gic.its.its import WORK_PER_ACCESS_MAX
from emu.gic.its.mappings import TRANSLATION_COUNT_MAX
from tests.gic.its_bench import DEVICE, EVENT, LPI, ItsBench
from tests.gic.its_side_by_side import (
    BASE,
    CLEAR,
    COLLECTION_TABLE,
    DEVICE_TABLE,
    DISCARD,
    INDIRECT,
    INT,
    INV,
    ITT,
    MOVI,
    QUEUE,
    QUEUE_BYTES,
    SIZE_BYTES,
    SYNC,
    VALID,
    invall,
    mapc,
    mapd,
    mapti,
    movall,
    on_event,
)

ENABLED_AND_QUIESCENT = 0x8000_0001


def test_it_is_kvms() -> None:
    """Identification and sizes as a guest of KVM finds them."""
    bench = ItsBench()
    typer = GITS_TYPER(bench.read("GITS_TYPER"))
    assert (typer.Physical, typer.Virtual, typer.PTA, typer.CIL, typer.HCC) == (1, 0, 0, 0, 0)
    assert (typer.Devbits, typer.ID_bits, typer.ITT_entry_size) == (15, 15, 7)
    assert bench.read("GITS_IIDR") == 0x4B00_043B
    assert bench.read("GITS_PIDR2") == 0x3B
    assert [bench.read("GITS_CIDR0", index) for index in range(4)] == [0x0D, 0xF0, 0x05, 0xB1]
    assert bench.read("GITS_CTLR") == 0x8000_0000
    assert [bench.read("GITS_BASER", index) >> 48 for index in range(8)] == [0x1907, 0x1C07] + [
        0
    ] * 6


def test_read_only_registers_ignore_the_guest() -> None:
    bench = ItsBench().set_up()
    before = bench.gic.state()
    for name in ("GITS_IIDR", "GITS_TYPER", "GITS_CREADR", "GITS_PIDR2", "GITS_TRANSLATER"):
        bench.write(name, 0xFFFF_FFFF)
    bench.write("GITS_BASER", VALID, 2)
    assert bench.gic.state() == before


def test_the_its_is_not_enabled_without_tables_and_queue() -> None:
    for missing in range(3):
        bench = ItsBench()
        bases = [DEVICE_TABLE, COLLECTION_TABLE, QUEUE]
        values = [base | VALID * (index != missing) for index, base in enumerate(bases)]
        bench.write("GITS_BASER", values[0], 0)
        bench.write("GITS_BASER", values[1], 1)
        bench.write("GITS_CBASER", values[2])
        bench.write("GITS_CTLR", 1)
        assert bench.read("GITS_CTLR") == 0x8000_0000


def test_commands_wait_until_the_its_is_enabled() -> None:
    bench = ItsBench().set_up()
    bench.write("GITS_CTLR", 0)
    bench.queue(mapd(DEVICE + 1, ITT + 0x1000))
    assert bench.read("GITS_CTLR") == 0
    assert bench.read("GITS_CREADR") == bench.read("GITS_CWRITER") - 32
    bench.write("GITS_CTLR", 1)
    assert bench.read("GITS_CTLR") == ENABLED_AND_QUIESCENT
    assert bench.read("GITS_CREADR") == bench.read("GITS_CWRITER")


def test_the_queue_wraps() -> None:
    bench = ItsBench().set_up_lpi()
    for _ in range(QUEUE_BYTES // 32):
        bench.queue(on_event(CLEAR, DEVICE, EVENT), on_event(INT, DEVICE, EVENT))
    assert sum(isinstance(event, IrqPended) for event in bench.events) == QUEUE_BYTES // 32
    assert bench.ignored() == []


def test_an_offset_beyond_the_queue_is_ignored() -> None:
    bench = ItsBench().set_up()
    before = bench.read("GITS_CWRITER")
    for offset in (QUEUE_BYTES, 0xF_FFE0):
        bench.write("GITS_CWRITER", offset)
        assert bench.read("GITS_CWRITER") == before


def test_the_translation_frame_ignores_cpus() -> None:
    """KVM has no register there: only a device's write has a device id."""
    bench = ItsBench().set_up_lpi()
    bench.write("GITS_TRANSLATER", EVENT)
    assert bench.read("GITS_TRANSLATER") == 0
    assert not bench.asserted[0]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (mapd(0x1_0000, ITT), "MAPD_DEVICE_OOR"),
        (mapd(0x2000, ITT), "MAPD_DEVICE_OOR"),
        (mapd(1, ITT, bits=17), "MAPD_ITTSIZE_OOR"),
        (mapc(0x2000, 0), "MAPC_COLLECTION_OOR"),
        (mapc(0, 2), "MAPC_PROCNUM_OOR"),
        (mapti(1, 0, LPI, 0), "MAPTI_UNMAPPED_DEVICE"),
        (mapti(DEVICE, 32, LPI, 0), "MAPTI_ID_OOR"),
        (mapti(DEVICE, 0, 8191, 0), "MAPTI_PHYSICALID_OOR"),
        (mapti(DEVICE, 0, 1 << 14, 0), "MAPTI_PHYSICALID_OOR"),
        (mapti(DEVICE, 0, LPI, 0x2000), "MAPC_COLLECTION_OOR"),
        (on_event(MOVI, DEVICE, 0, 0), "MOVI_UNMAPPED_INTERRUPT"),
        (on_event(MOVI, DEVICE, EVENT, 7), "MOVI_UNMAPPED_COLLECTION"),
        (on_event(INT, DEVICE, 0), "INT_UNMAPPED_INTERRUPT"),
        (on_event(CLEAR, DEVICE, 0), "CLEAR_UNMAPPED_INTERRUPT"),
        (on_event(INV, DEVICE, 0), "INV_UNMAPPED_INTERRUPT"),
        (on_event(DISCARD, DEVICE, 0), "DISCARD_UNMAPPED_INTERRUPT"),
        (invall(7), "INVALL_UNMAPPED_COLLECTION"),
        (movall(0, 2), "MOVALL_PROCNUM_OOR"),
        (movall(2, 0), "MOVALL_PROCNUM_OOR"),
        ((0xFE, 0, 0, 0), "no such command"),
    ],
)
def test_a_command_that_can_not_be_carried_out_is_ignored_and_told(
    command: tuple[int, ...], reason: str
) -> None:
    """Nothing is changed, and the queue goes on."""
    bench = ItsBench().set_up_lpi()
    before = bench.its.state()
    bench.queue(command, (SYNC, 0, 0, 0))
    assert bench.ignored() == [reason]
    after = bench.its.state()
    after.cwriter, after.creadr = before.cwriter, before.creadr
    assert after == before


def test_tables_that_are_not_in_ram_do_no_harm() -> None:
    """Queue, device table, collection table, ITT, configuration and pending tables, by turns."""
    outside = 0x1_0000
    bench = ItsBench().set_up()
    bench.queue(mapd(1, outside), mapti(1, 0, LPI, 0))
    bench.write("GICR_CTLR", 0)
    bench.write("GICR_PENDBASER", outside)
    bench.write("GICR_CTLR", 1)
    bench.queue(mapti(DEVICE, 0, LPI, 0))
    bench.write("GICR_CTLR", 0)
    bench.write("GICR_PROPBASER", outside | 13)
    bench.queue(mapti(DEVICE, 0, LPI, 0), mapti(DEVICE, 0, LPI, 7))
    assert len(bench.ignored()) == 4
    assert bench.its.state().lpis == []
    bench.write("GITS_CTLR", 0)
    for index in (0, 1):
        bench.write("GITS_BASER", outside | VALID | INDIRECT, index)
    bench.write("GITS_CTLR", 1)
    bench.queue(mapd(3, ITT), mapc(5, 0))
    assert bench.ignored()[-2:] == ["MAPD_DEVICE_OOR", "MAPC_COLLECTION_OOR"]
    bench.write("GITS_CTLR", 0)
    bench.write("GITS_CBASER", outside | VALID)
    bench.write("GITS_CTLR", 1)
    bench.write("GITS_CWRITER", 64)
    assert "are not all RAM" in bench.ignored()[-1]
    assert bench.read("GITS_CREADR") == 64


def test_a_table_of_two_levels_has_the_devices_of_its_valid_pages() -> None:
    bench = ItsBench().set_up()
    bench.write("GITS_CTLR", 0)
    bench.write("GITS_BASER", DEVICE_TABLE | VALID | INDIRECT, 0)
    bench.write("GITS_CTLR", 1)
    bench.ram.write(DEVICE_TABLE + 8, (BASE + 0x2_0000 | VALID).to_bytes(8, "little"))
    bench.queue(mapd(0x1FFF, ITT), mapd(0x2000, ITT), mapd(0x3FFF, ITT), mapd(0x4000, ITT))
    assert [device.device_id for device in bench.its.state().devices] == [DEVICE, 0x2000, 0x3FFF]


def test_a_collection_table_has_one_level() -> None:
    bench = ItsBench()
    bench.write("GITS_BASER", COLLECTION_TABLE | VALID | INDIRECT, 1)
    assert not bench.read("GITS_BASER", 1) & INDIRECT


def test_no_guest_can_map_events_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emu.gic.its.commands.TRANSLATION_COUNT_MAX", 3)
    assert TRANSLATION_COUNT_MAX > 57344  # LPIs with INTIDs of 16 bits
    bench = ItsBench().set_up()
    bench.queue(*(mapti(DEVICE, event, LPI, 0) for event in range(5)))
    assert len(bench.its.state().devices[0].translations) == 3
    assert bench.ignored() == ["3 events are mapped"] * 2


def test_work_that_is_too_much_for_one_access_goes_on_with_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The queue is as after one go, and GITS_CTLR says that there is something left."""
    assert WORK_PER_ACCESS_MAX > 32 * 57344  # INVALL for each vCPU, with all LPIs mapped
    bench = ItsBench().set_up_lpi()
    monkeypatch.setattr("emu.gic.its.its.WORK_PER_ACCESS_MAX", 4)
    bench.queue(*([invall(0)] * 9), on_event(INT, DEVICE, EVENT))
    assert bench.gic.state().its != ItsBench().set_up_lpi().gic.state().its
    assert not bench.asserted[0]
    reads = [bench.read("GITS_CTLR") for _ in range(3)]
    assert reads == [1, ENABLED_AND_QUIESCENT, ENABLED_AND_QUIESCENT]
    assert bench.asserted[0]


def test_hostile_queues_neither_crash_nor_hang() -> None:
    """Random bytes everywhere, a large queue, every register written."""
    random = Random(5)
    bench = ItsBench()
    bench.ram.write(BASE, random.randbytes(SIZE_BYTES))
    for _ in range(8):
        for vcpu in (0, 1):
            for name in ("GICR_PROPBASER", "GICR_PENDBASER", "GICR_CTLR", "GICR_INVLPIR"):
                bench.write(
                    name, random.getrandbits(64) & 0x4FFF_FFFF | random.randrange(2), vcpu=vcpu
                )
        for index in (0, 1):
            bench.write("GITS_BASER", VALID | random.getrandbits(63), index)
            bench.write("GITS_BASER", VALID | BASE | random.getrandbits(20), index)
        bench.write("GITS_CBASER", VALID | random.choice((BASE, random.getrandbits(52))) | 0x3F)
        bench.write("GITS_CTLR", 1)
        bench.write("GITS_CWRITER", random.getrandbits(18))
        bench.its.signal_msi(random.getrandbits(32), random.getrandbits(32))
        bench.write("GITS_CTLR", 0)
    assert len(bench.ignored()) > 10_000
    bench.gic.load_state(bench.gic.state())


def test_registers_of_every_size_can_be_accessed_anywhere() -> None:
    bench = ItsBench().set_up()
    for size in (1, 2, 4, 8):
        for offset in range(0, 0x200, size):
            bench.its.frame.write(offset, size, 0)
        for offset in (*range(0, 0x200, size), *range(0xFFD0, 0x1_0050, size), 0x1_FFF8):
            slot = GITS.find(offset)
            value = bench.its.frame.read(offset, size)
            assert value == 0 or (slot is not None and size in (4, slot[0].size_bytes))
