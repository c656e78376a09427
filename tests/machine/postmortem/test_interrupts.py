"""What a report says of interrupts: those not as after a reset, and what keeps them back."""

from __future__ import annotations

import pytest

from emu.arch.gicv3 import GICD, GICR
from emu.boards.squib import SQUIB
from emu.machine import Machine
from emu.machine.postmortem import InterruptReport, examine
from tests import a64
from tests.machine.conftest import Make
from tests.machine.its_driver import DEVICE, EVENT, LPI, its_of, make_machine, set_up_lpi

SPI = SQUIB.intid(SQUIB.free_gsis[0])
PPI = SQUIB.timers.virtual
PRIORITY = 0x80


def open_everything(machine: Machine) -> None:
    """Let the SPI and the PPI through to vCPU 0, whose PSTATE masks nothing."""
    gicd, gicr = machine.gic.distributor, machine.gic.redistributors
    gicd.write(GICD["GICD_CTLR"], 4, 2)
    gicd.write(GICD["GICD_ISENABLER"] + SPI // 32 * 4, 4, 1 << SPI % 32)
    gicd.write(GICD["GICD_IPRIORITYR"] + SPI, 1, PRIORITY)
    gicr.write(GICR["GICR_WAKER"], 4, 0)
    gicr.write(GICR["GICR_ISENABLER0"], 4, 1 << PPI)
    icc = machine.gic.cpu_interface(0)
    icc["ICC_PMR_EL1"].write(0xF0)
    icc["ICC_IGRPEN1_EL1"].write(1)
    machine.vcpus[0].engine.pstate = 0x345


def reports(machine: Machine) -> dict[int, InterruptReport]:
    return {report.intid: report for report in examine(machine, "a test").interrupts}


def test_after_a_reset_there_is_nothing_to_tell(make: Make) -> None:
    assert reports(make(a64.NOP)) == {}


def test_an_interrupt_is_told_with_all_that_it_has(make: Make) -> None:
    machine = make(a64.NOP)
    open_everything(machine)
    machine.gic.spi(SPI).pulse()
    assert reports(machine)[SPI] == InterruptReport(
        intid=SPI, vcpu=None, group=1, enabled=True, latch=True, line=False, active=False,
        edge=True, priority=PRIORITY, target=0, obstacles=(),
    )  # fmt: skip
    ppi = reports(machine)[PPI]
    assert (ppi.vcpu, ppi.target, ppi.edge, ppi.pending) == (0, 0, False, False)


def test_a_line_that_is_high_is_told_though_nothing_else_is_changed(make: Make) -> None:
    machine = make(a64.NOP)
    machine.gic.ppi(0, PPI).set_level(True)
    report = reports(machine)[PPI]
    assert (report.line, report.latch, report.pending) == (True, False, True)
    assert report.obstacles[0] == "not enabled"


def test_a_signalled_interrupt_has_no_obstacle_and_drives_the_input(make: Make) -> None:
    machine = make(a64.NOP)
    open_everything(machine)
    machine.gic.ppi(0, PPI).set_level(True)
    assert reports(machine)[PPI].obstacles == ()
    assert examine(machine, "a test").vcpus[0].irq_asserted


def obstruct(machine: Machine, how: str) -> None:
    gicd, gicr = machine.gic.distributor, machine.gic.redistributors
    icc = machine.gic.cpu_interface(0)
    match how:
        case "not enabled":
            gicr.write(GICR["GICR_ICENABLER0"], 4, 1 << PPI)
        case "active already":
            gicr.write(GICR["GICR_ISACTIVER0"], 4, 1 << PPI)
        case "GICD_CTLR.EnableGrp1 is 0":
            gicd.write(GICD["GICD_CTLR"], 4, 1)
        case "GICD_CTLR.EnableGrp0 is 0":
            gicr.write(GICR["GICR_IGROUPR0"], 4, 0)
        case "ICC_IGRPEN1_EL1 is 0":
            icc["ICC_IGRPEN1_EL1"].write(0)
        case "GICR_WAKER.ProcessorSleep is 1":
            gicr.write(GICR["GICR_WAKER"], 4, 2)
        case "ICC_PMR_EL1 is 0x0":
            icc["ICC_PMR_EL1"].write(0)
        case "ICC_RPR_EL1 is 0x0":
            icc["ICC_AP1R0_EL1"].write(1)
        case "PSTATE.I is 1":
            machine.vcpus[0].engine.pstate = 0x3C5


@pytest.mark.parametrize(
    "obstacle",
    [
        "not enabled",
        "active already",
        "GICD_CTLR.EnableGrp1 is 0",
        "GICD_CTLR.EnableGrp0 is 0",
        "ICC_IGRPEN1_EL1 is 0",
        "GICR_WAKER.ProcessorSleep is 1",
        "ICC_PMR_EL1 is 0x0",
        "ICC_RPR_EL1 is 0x0",
        "PSTATE.I is 1",
    ],
)
def test_what_keeps_a_pending_interrupt_back_is_named(make: Make, obstacle: str) -> None:
    """And then, but for PSTATE's mask, the vCPU's input is low."""
    machine = make(a64.NOP)
    open_everything(machine)
    machine.gic.ppi(0, PPI).set_level(True)
    obstruct(machine, obstacle)
    assert obstacle in reports(machine)[PPI].obstacles
    if "Grp0" not in obstacle:
        assert len(reports(machine)[PPI].obstacles) == 1
    assert examine(machine, "a test").vcpus[0].irq_asserted is obstacle.startswith("PSTATE")


def test_an_lpi_is_told_with_what_keeps_it_back() -> None:
    with make_machine() as machine:
        set_up_lpi(machine)
        open_everything(machine)
        its_of(machine).signal_msi(DEVICE, EVENT)
        expected = InterruptReport(
            intid=LPI, vcpu=None, group=1, enabled=True, latch=True, line=False, active=False,
            edge=True, priority=0x80, target=0, obstacles=(),
        )  # fmt: skip
        assert reports(machine)[LPI] == expected
        assert examine(machine, "a test").vcpus[0].irq_asserted
        machine.gic.redistributors.write(GICR["GICR_CTLR"], 4, 0)
        assert reports(machine)[LPI].obstacles == ("GICR_CTLR.EnableLPIs is 0",)
        assert not examine(machine, "a test").vcpus[0].irq_asserted


def test_an_spi_that_is_routed_to_no_vcpu_goes_nowhere(make: Make) -> None:
    machine = make(a64.NOP)
    open_everything(machine)
    machine.gic.distributor.write(GICD["GICD_IROUTER"] + 8 * (SPI - 32), 8, 5)
    machine.gic.spi(SPI).pulse()
    report = reports(machine)[SPI]
    assert report.target is None
    assert report.obstacles == ("GICD_IROUTER names no vCPU of this machine",)
