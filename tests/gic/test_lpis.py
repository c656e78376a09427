"""LPIs: how they are signalled, and what of their tables is kept where."""

from __future__ import annotations

import pytest

from emu.arch.gicv3 import GICD_TYPER, GICR_TYPER, INTID_SPURIOUS
from emu.core.events import IrqAcknowledged, IrqDeactivated, IrqEnded, IrqPended
from harness.reference.gic_bench import GicBench
from tests.gic.its_bench import DEVICE, EVENT, LPI, ItsBench
from tests.gic.its_side_by_side import (
    CONFIGURATION,
    DISCARD,
    INV,
    PENDING,
    PTZ,
    mapti,
    on_event,
)


def test_a_gic_says_whether_it_has_lpis() -> None:
    """GICD_TYPER as KVM's with an ITS: 16 bits of INTIDs; GICR_TYPER.DirectLPI is 0."""
    typers = [GICD_TYPER(bench.read("GICD_TYPER")) for bench in (GicBench(), ItsBench())]
    assert [(typer.LPIS, typer.IDbits, typer.num_LPIs) for typer in typers] == [
        (0, 9, 0),
        (1, 15, 0),
    ]
    redistributor = GICR_TYPER(ItsBench().read("GICR_TYPER"))
    assert (redistributor.PLPIS, redistributor.DirectLPI) == (1, 0)


def test_without_its_the_registers_of_lpis_are_reserved() -> None:
    bench = GicBench()
    for register in ("GICR_PROPBASER", "GICR_PENDBASER", "GICR_CTLR", "GICR_INVLPIR"):
        bench.write(register, 0xFFFF_FFFF)
    assert bench.read("GICR_PROPBASER") == bench.read("GICR_PENDBASER") == 0
    assert bench.read("GICR_CTLR") == 0b110
    assert bench.gic.its is None
    assert bench.gic.state().its is None


def test_an_msi_goes_to_the_vcpu_of_its_collection_until_it_is_acknowledged() -> None:
    bench = ItsBench().set_up_lpi(icid=1)
    assert bench.its.signal_msi(DEVICE, EVENT)
    assert bench.irq == [False, True]
    assert bench.fiq == [False, False]
    assert bench.icc("HPPIR1", vcpu=1) == LPI
    assert bench.icc("IAR1", vcpu=1) == LPI
    assert bench.asserted == [False, False]
    bench.set_icc("EOIR1", LPI, vcpu=1)
    assert bench.icc("RPR", vcpu=1) == 0xFF
    assert bench.events == [IrqPended(LPI, 1), IrqAcknowledged(LPI, 1), IrqEnded(LPI, 1)]


def test_an_lpi_is_pending_again_while_it_is_handled() -> None:
    """It has no active state: once its priority is dropped, it is signalled; DIR does nothing."""
    bench = ItsBench().set_up_lpi()
    bench.its.signal_msi(DEVICE, EVENT)
    bench.icc("IAR1")
    bench.its.signal_msi(DEVICE, EVENT)
    assert not bench.asserted[0]
    bench.set_icc("CTLR", 0b10)
    bench.set_icc("EOIR1", LPI)
    assert bench.asserted[0]
    bench.set_icc("DIR", LPI)
    assert bench.icc("IAR1") == LPI
    assert not any(isinstance(event, IrqDeactivated) for event in bench.events)


def test_what_was_acknowledged_can_be_ended_after_it_was_unmapped() -> None:
    bench = ItsBench().set_up_lpi()
    bench.its.signal_msi(DEVICE, EVENT)
    bench.icc("IAR1")
    bench.queue(on_event(DISCARD, DEVICE, EVENT))
    bench.set_icc("EOIR1", LPI)
    assert bench.icc("RPR") == 0xFF


def test_an_lpi_competes_by_priority_and_spis_come_first() -> None:
    bench = ItsBench().set_up_lpi()
    bench.prioritise(32, 0x80)
    bench.gic.spi(32).pulse()
    bench.its.signal_msi(DEVICE, EVENT)
    assert bench.icc("HPPIR1") == 32
    bench.configure(LPI, 0x79)
    bench.queue(on_event(INV, DEVICE, EVENT))
    assert bench.icc("IAR1") == LPI
    assert bench.icc("RPR") == 0x78
    assert bench.icc("IAR1") == INTID_SPURIOUS


@pytest.mark.parametrize("register", ["GICD_CTLR", "IGRPEN1", "PMR"])
def test_an_lpi_is_masked_as_any_interrupt_of_group_1(register: str) -> None:
    bench = ItsBench().set_up_lpi()
    if register == "GICD_CTLR":
        bench.write(register, 0b01)
    else:
        bench.set_icc(register, 0)
    bench.its.signal_msi(DEVICE, EVENT)
    assert not bench.asserted[0]


def test_the_configuration_is_kept_until_it_is_invalidated() -> None:
    """As in KVM: by INV, INVALL, GICR_INVLPIR or GICR_INVALLR."""
    bench = ItsBench().set_up_lpi()
    bench.its.signal_msi(DEVICE, EVENT)
    bench.configure(LPI, 0x80)
    assert bench.asserted[0]
    bench.write("GICR_INVLPIR", LPI)
    assert not bench.asserted[0]
    bench.configure(LPI, 0x81)
    assert not bench.asserted[0]
    bench.write("GICR_INVALLR", 0)
    assert bench.asserted[0]


def test_the_bases_can_not_be_moved_while_lpis_are_enabled() -> None:
    bench = ItsBench().set_up()
    before = [bench.read(name) for name in ("GICR_PROPBASER", "GICR_PENDBASER")]
    for name in ("GICR_PROPBASER", "GICR_PENDBASER"):
        bench.write(name, 0)
    assert [bench.read(name) for name in ("GICR_PROPBASER", "GICR_PENDBASER")] == before
    assert before == [CONFIGURATION | 0x18D, PENDING | 0x180]


def test_while_lpis_are_disabled_none_is_signalled_and_msis_are_dropped() -> None:
    bench = ItsBench().set_up_lpi()
    bench.its.signal_msi(DEVICE, EVENT)
    bench.write("GICR_CTLR", 0)
    assert not bench.asserted[0]
    bench.icc("IAR1")
    assert not bench.its.signal_msi(DEVICE, EVENT)
    assert bench.dropped() == ["LPIs are disabled for vCPU 0"]


@pytest.mark.parametrize("ptz", [False, True])
def test_what_is_pending_when_lpis_are_enabled_is_what_the_table_says(ptz: bool) -> None:
    """With PTZ the table is not read. PTZ itself reads as zero."""
    bench = ItsBench().set_up_lpi()
    bench.write("GICR_CTLR", 0)
    bench.ram.write(PENDING + LPI // 8, bytes([1 << LPI % 8]))
    bench.write("GICR_PENDBASER", PENDING | PTZ * ptz)
    assert not bench.read("GICR_PENDBASER") & PTZ
    bench.write("GICR_CTLR", 1)
    assert bench.asserted[0] is not ptz


def test_a_store_to_one_half_of_pendbaser_leaves_ptz_in_the_other() -> None:
    bench = ItsBench()
    bench.write("GICR_PENDBASER", PTZ)
    bench.gic.redistributors.write(0x78, 4, PENDING)
    assert bench.gic.state().redistributors[0].pendbaser == PTZ | PENDING | 0x180


def test_a_new_lpi_takes_its_pending_bit_out_of_the_table() -> None:
    bench = ItsBench().set_up()
    bench.configure(LPI, 0x81)
    bench.ram.write(PENDING + LPI // 8, bytes([0xFF]))
    bench.queue(mapti(DEVICE, EVENT, LPI, 0))
    assert bench.asserted[0]
    assert not bench.pending_bit(LPI)
    assert bench.pending_bit(LPI + 1)


def test_pending_tables_are_up_to_date_once_they_are_saved() -> None:
    bench = ItsBench().set_up_lpi(icid=1)
    bench.its.signal_msi(DEVICE, EVENT)
    assert not bench.pending_bit(LPI, vcpu=1)
    bench.gic.user_save_pending_tables()
    assert bench.pending_bit(LPI, vcpu=1)
    bench.icc("IAR1", vcpu=1)
    bench.gic.user_save_pending_tables()
    assert not bench.pending_bit(LPI, vcpu=1)


def test_an_lpi_of_two_events_is_there_until_both_are_gone() -> None:
    bench = ItsBench().set_up_lpi()
    bench.queue(mapti(DEVICE, EVENT + 1, LPI, 1))
    bench.its.signal_msi(DEVICE, EVENT + 1)
    assert bench.asserted == [True, False]
    bench.queue(on_event(DISCARD, DEVICE, EVENT))
    assert bench.asserted == [True, False]
    bench.queue(on_event(DISCARD, DEVICE, EVENT + 1))
    assert bench.asserted == [False, False]


def test_a_reset_takes_lpis_and_its_away() -> None:
    fresh = ItsBench().gic.state()
    bench = ItsBench().set_up_lpi()
    bench.its.signal_msi(DEVICE, EVENT)
    bench.gic.reset()
    assert bench.gic.state() == fresh
    assert bench.asserted == [False, False]
