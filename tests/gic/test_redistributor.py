"""The redistributors' registers (IHI 0069, 12.11)."""

from __future__ import annotations

import pytest

from emu.arch.gicv3 import GICR, GICR_CTLR, GICR_SIZE_BYTES, GICR_TYPER, GICR_WAKER
from harness.reference.gic_bench import GicBench


@pytest.fixture
def bench() -> GicBench:
    """Two vCPUs."""
    return GicBench((0, 0x1_0002_0301))


def test_typer_names_the_vcpu_and_marks_the_last(bench: GicBench) -> None:
    first, last = (GICR_TYPER(bench.read("GICR_TYPER", vcpu=vcpu)) for vcpu in (0, 1))
    assert (first.Processor_Number, first.Last) == (0, 0)
    assert (last.Processor_Number, last.Last) == (1, 1)
    assert (last.Aff3, last.Aff2, last.Aff1, last.Aff0) == (1, 2, 3, 1)
    assert (last.PLPIS, last.VLPIS, last.DirectLPI) == (0, 0, 0)


def test_32_frames_stand_one_behind_the_other_and_only_the_last_says_so() -> None:
    affinities = tuple(vcpu >> 4 << 8 | vcpu & 0xF for vcpu in range(32))
    bench = GicBench(affinities)
    typers = [GICR_TYPER(bench.read("GICR_TYPER", vcpu=vcpu)) for vcpu in range(32)]
    assert [typer.Processor_Number for typer in typers] == list(range(32))
    assert [typer.Aff1 << 8 | typer.Aff0 for typer in typers] == list(affinities)
    assert [typer.Last for typer in typers] == [0] * 31 + [1]


def test_an_sgi_waits_for_a_redistributor_that_sleeps(bench: GicBench) -> None:
    bench.enable_everything()
    bench.write("GICR_WAKER", int(GICR_WAKER().replace(ProcessorSleep=1)), vcpu=1)
    bench.set_icc("SGI1R", 1 << 40 | 3 << 24)
    assert bench.asserted == [False, False]
    assert bench.read("GICR_ISPENDR0", vcpu=1) == 1 << 3
    bench.write("GICR_WAKER", 0, vcpu=1)
    assert bench.icc("IAR1", vcpu=1) == 3


def test_typer_may_be_read_as_two_halves(bench: GicBench) -> None:
    window, offset = bench.gic.redistributors, GICR_SIZE_BYTES + GICR["GICR_TYPER"]
    low, high = window.read(offset, 4), window.read(offset + 4, 4)
    assert high << 32 | low == bench.read("GICR_TYPER", vcpu=1)


def test_identification_is_of_a_gicv3(bench: GicBench) -> None:
    assert bench.read("GICR_PIDR2") == 0x3B
    assert bench.read("GICR_IIDR") == 0x4B00_043B


def test_ctlr_says_what_kvms_revision_3_says_and_can_not_be_written(bench: GicBench) -> None:
    bench.write("GICR_CTLR", 0xFFFF_FFFF)
    assert GICR_CTLR(bench.read("GICR_CTLR")) == GICR_CTLR().replace(IR=1, CES=1)


def test_a_guest_that_knows_no_gicr_waker_gets_its_interrupts(bench: GicBench) -> None:
    """KVM's is always awake, and guests that were written on it rely on that."""
    bench.write("GICD_CTLR", 0b11)
    bench.write("GICR_ISENABLER0", 1 << 30)
    bench.set_icc("PMR", 0xFF)
    bench.set_icc("IGRPEN1", 1)
    bench.gic.ppi(0, 30).set_level(high=True)
    assert bench.asserted == [True, False]


def test_a_redistributor_is_put_to_sleep_and_its_children_follow(bench: GicBench) -> None:
    asleep = GICR_WAKER().replace(ProcessorSleep=1, ChildrenAsleep=1)
    assert bench.read("GICR_WAKER") == 0
    bench.write("GICR_WAKER", 0xFFFF_FFFF)
    assert GICR_WAKER(bench.read("GICR_WAKER")) == asleep
    bench.write("GICR_WAKER", int(GICR_WAKER().replace(ChildrenAsleep=1)))
    assert bench.read("GICR_WAKER") == 0


def test_a_sleeping_redistributor_forwards_nothing_and_loses_nothing(bench: GicBench) -> None:
    bench.enable_everything()
    bench.write("GICR_WAKER", int(GICR_WAKER().replace(ProcessorSleep=1)))
    bench.gic.spi(40).pulse()
    bench.set_icc("SGI1R", 1)
    assert bench.asserted == [False, False]
    assert bench.icc("HPPIR1") == 1023
    bench.write("GICR_WAKER", 0)
    assert bench.asserted == [True, False]


def test_sgis_are_edge_triggered_for_good_and_ppis_can_be_configured(bench: GicBench) -> None:
    assert [bench.read("GICR_ICFGR0", index) for index in (0, 1)] == [0xAAAA_AAAA, 0]
    bench.write("GICR_ICFGR0", 0, 0)
    bench.write("GICR_ICFGR0", 0xFFFF_FFFF, 1)
    assert [bench.read("GICR_ICFGR0", index) for index in (0, 1)] == [0xAAAA_AAAA] * 2


def test_private_interrupts_are_each_vcpus_own(bench: GicBench) -> None:
    bench.enable_everything()
    bench.gic.ppi(1, 27).set_level(True)
    assert bench.asserted == [False, True]
    assert bench.read("GICR_ISPENDR0", vcpu=0) == 0
    assert bench.read("GICR_ISPENDR0", vcpu=1) == 1 << 27


def test_an_sgi_may_be_made_pending_by_a_write(bench: GicBench) -> None:
    bench.enable_everything()
    bench.write("GICR_ISPENDR0", 1 << 5, vcpu=1)
    assert bench.icc("IAR1", vcpu=1) == 5


@pytest.mark.parametrize(
    "register",
    ["STATUSR", "PROPBASER", "PENDBASER", "SETLPIR", "SYNCR", "IGRPMODR0", "NSACR"],
)
def test_what_lpis_and_a_second_security_state_need_is_raz_wi(
    bench: GicBench, register: str
) -> None:
    before = bench.gic.state()
    bench.write(f"GICR_{register}", 0xFFFF_FFFF)
    assert bench.read(f"GICR_{register}") == 0
    assert bench.gic.state() == before


def test_behind_the_last_redistributor_there_is_nothing(bench: GicBench) -> None:
    window, offset = bench.gic.redistributors, 2 * GICR_SIZE_BYTES + GICR["GICR_WAKER"]
    window.write(offset, 4, 0)
    assert window.read(offset, 4) == 0
