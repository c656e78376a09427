"""The distributor's registers and routing (IHI 0069, 2.3 and 12.9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.gicv3 import GICD, GICD_CTLR, GICD_TYPER, ICC_CTLR_EL1
from harness.reference.gic_bench import GicBench


@pytest.fixture
def bench() -> GicBench:
    """Two vCPUs, 40 SPIs: the last registers are implemented in part."""
    return GicBench((0, 0x1_0002_0301), spi_count=40)


def test_ctlr_has_one_security_state_and_affinity_routing_for_good(bench: GicBench) -> None:
    for written, shown in ((0, 0), (0xFFFF_FFFF, 0b11), (0b10, 0b10)):
        bench.write("GICD_CTLR", written)
        ctlr = GICD_CTLR(bench.read("GICD_CTLR"))
        assert (ctlr.DS, ctlr.ARE) == (1, 1)
        assert int(ctlr.replace(DS=0, ARE=0)) == shown


@pytest.mark.parametrize(("spi_count", "lines"), [(0, 0), (1, 1), (32, 1), (33, 2), (988, 31)])
def test_typer_says_how_many_interrupts_there_are(spi_count: int, lines: int) -> None:
    typer = GICD_TYPER(GicBench(spi_count=spi_count).read("GICD_TYPER"))
    assert typer.ITLinesNumber == lines
    assert (typer.IDbits, typer.No1N, typer.LPIS, typer.SecurityExtn) == (9, 1, 0, 0)


@pytest.mark.parametrize(("affinity", "selector"), [(15, 0), (16, 1), (0x1_000F_0F0F, 0)])
def test_the_range_selector_is_there_if_an_aff0_needs_it(affinity: int, selector: int) -> None:
    bench = GicBench((0, affinity))
    shown = {GICD_TYPER(bench.read("GICD_TYPER")).RSS, ICC_CTLR_EL1(bench.icc("CTLR")).RSS}
    assert shown == {selector}


def test_identification_is_of_a_gicv3(bench: GicBench) -> None:
    assert bench.read("GICD_PIDR2") == 0x3B
    assert bench.read("GICD_IIDR") == 0x4B00_343B


@pytest.mark.parametrize(
    "register",
    ["IGROUPR", "ISENABLER", "ISPENDR", "ISACTIVER", "IPRIORITYR", "ICFGR"],
)
def test_with_affinity_routing_the_private_interrupts_are_not_here(
    bench: GicBench, register: str
) -> None:
    bench.write(f"GICD_{register}", 0xFFFF_FFFF)
    assert bench.read(f"GICD_{register}") == 0


@pytest.mark.parametrize(
    ("register", "index", "implemented"),
    [
        ("IGROUPR", 2, 0xFF),
        ("ISENABLER", 2, 0xFF),
        ("ISPENDR", 2, 0xFF),
        ("ISACTIVER", 2, 0xFF),
        ("ICFGR", 4, 0xAAAA),
        ("IPRIORITYR", 17, 0xF8F8_F8F8),
        ("IPRIORITYR", 18, 0),
        ("ISENABLER", 3, 0),
    ],
)
def test_behind_the_last_spi_registers_are_raz_wi(
    bench: GicBench, register: str, index: int, implemented: int
) -> None:
    bench.write(f"GICD_{register}", 0xFFFF_FFFF, index)
    assert bench.read(f"GICD_{register}", index) == implemented


def test_a_priority_register_in_the_middle_of_which_the_spis_end_keeps_its_part() -> None:
    bench = GicBench(spi_count=38)
    bench.write("GICD_IPRIORITYR", 0xF8F8_F8F8, 17)
    assert bench.read("GICD_IPRIORITYR", 17) == 0xF8F8
    assert len(bench.gic.state().distributor.spis.priority) == 38


@pytest.mark.parametrize(
    "register",
    ["TYPER2", "SETSPI_NSR", "ITARGETSR", "IGRPMODR", "NSACR", "SGIR", "SPENDSGIR"],
)
def test_what_one_security_state_and_affinity_routing_leave_out_is_raz_wi(
    bench: GicBench, register: str
) -> None:
    before = bench.gic.state()
    bench.write(f"GICD_{register}", 0xFFFF_FFFF)
    assert bench.read(f"GICD_{register}") == 0
    assert bench.gic.state() == before


def test_statusr_reads_as_all_ones_as_kvms(bench: GicBench) -> None:
    bench.write("GICD_STATUSR", 0)
    assert bench.read("GICD_STATUSR") == 0xFFFF_FFFF


def test_an_spi_goes_to_the_vcpu_whose_affinity_it_is_routed_to(bench: GicBench) -> None:
    bench.enable_everything()
    bench.write("GICD_IROUTER", 0x1_0002_0301, 39 - 32)
    bench.gic.spi(39).pulse()
    assert bench.asserted == [False, True]
    assert bench.icc("IAR1", vcpu=0) == 1023
    assert bench.icc("IAR1", vcpu=1) == 39


def test_a_pending_spi_follows_its_route(bench: GicBench) -> None:
    bench.enable_everything()
    bench.gic.spi(39).pulse()
    assert bench.asserted == [True, False]
    bench.write("GICD_IROUTER", 0x1_0002_0301, 39 - 32)
    assert bench.asserted == [False, True]


def test_an_spi_routed_to_nobody_stays_pending(bench: GicBench) -> None:
    bench.enable_everything()
    bench.write("GICD_IROUTER", 0x7F, 39 - 32)
    bench.gic.spi(39).pulse()
    assert bench.asserted == [False, False]
    bench.write("GICD_IROUTER", 0, 39 - 32)
    assert bench.asserted == [True, False]


@given(value=st.integers(0, 2**64 - 1))
def test_irouter_has_no_1_of_n_routing_and_keeps_only_the_affinity(value: int) -> None:
    bench = GicBench()
    bench.write("GICD_IROUTER", value)
    assert bench.read("GICD_IROUTER") == value & 0xFF_00FF_FFFF


@given(value=st.integers(0, 2**64 - 1))
def test_irouter_may_be_written_as_two_halves(value: int) -> None:
    whole, halves = GicBench(), GicBench()
    offset = GICD["GICD_IROUTER"] + 8
    whole.gic.distributor.write(offset, 8, value)
    halves.gic.distributor.write(offset + 4, 4, value >> 32)
    halves.gic.distributor.write(offset, 4, value & 0xFFFF_FFFF)
    assert halves.gic.state() == whole.gic.state()


def test_a_byte_of_ipriorityr_may_be_accessed_alone(bench: GicBench) -> None:
    bench.write("GICD_IPRIORITYR", 0x4838_2818, 10)
    offset = GICD["GICD_IPRIORITYR"] + 42
    bench.gic.distributor.write(offset, 1, 0xF0)
    assert bench.gic.distributor.read(offset, 1) == 0xF0
    assert bench.read("GICD_IPRIORITYR", 10) == 0x48F0_2818


@pytest.mark.parametrize(
    ("register", "size"),
    [("GICD_ISENABLER", 1), ("GICD_ISENABLER", 2), ("GICD_ISENABLER", 8), ("GICD_IPRIORITYR", 2)],
)
def test_an_access_of_a_size_that_is_not_allowed_is_raz_wi(
    bench: GicBench, register: str, size: int
) -> None:
    offset = GICD[register] + 40
    before = bench.gic.state()
    bench.gic.distributor.write(offset, size, 0xFF)
    assert bench.gic.distributor.read(offset, size) == 0
    assert bench.gic.state() == before


@pytest.mark.parametrize("group", [0, 1])
def test_gicd_ctlr_enables_each_group_for_itself(bench: GicBench, group: int) -> None:
    bench.enable_everything()
    bench.write("GICD_IGROUPR", 0xFFFF_FFFF * group, 1)
    bench.gic.spi(39).pulse()
    bench.write("GICD_CTLR", 0b11 & ~(1 << group))
    assert bench.asserted == [False, False]
    bench.write("GICD_CTLR", 1 << group)
    assert bench.asserted == [True, False]
