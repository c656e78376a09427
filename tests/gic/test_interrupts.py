"""The life of an interrupt and the registers that show it (IHI 0069, 4.1 and 12.9)."""

from __future__ import annotations

import pytest

from emu.arch.gicv3 import INTID_SPURIOUS
from emu.core.events import IrqPended
from harness.reference.gic_bench import GicBench

LEVEL, EDGE = 0, 0xFFFF_FFFF
SPI = 40
BIT = 1 << SPI - 32


@pytest.fixture
def bench() -> GicBench:
    """One vCPU, 64 SPIs, everything enabled."""
    bench = GicBench()
    bench.enable_everything()
    return bench


def configure(bench: GicBench, config: int) -> None:
    bench.write("GICD_ICFGR", config, SPI // 16)


def is_pending(bench: GicBench) -> bool:
    return bool(bench.read("GICD_ISPENDR", 1) & BIT)


def test_a_level_sensitive_interrupt_is_pending_while_its_line_is_high(bench: GicBench) -> None:
    configure(bench, LEVEL)
    line = bench.gic.spi(SPI)
    line.set_level(True)
    assert is_pending(bench)
    line.set_level(False)
    assert not is_pending(bench)
    assert bench.changes == [(0, "irq", True), (0, "irq", False)]


def test_a_level_sensitive_interrupt_is_active_and_pending_after_its_acknowledge(
    bench: GicBench,
) -> None:
    """And it is signalled again as soon as it is deactivated, as the line is still high."""
    configure(bench, LEVEL)
    bench.gic.spi(SPI).set_level(True)
    assert bench.icc("IAR1") == SPI
    assert is_pending(bench)
    assert bench.read("GICD_ISACTIVER", 1) == BIT
    assert bench.icc("IAR1") == INTID_SPURIOUS
    bench.set_icc("EOIR1", SPI)
    assert bench.asserted == [True]


def test_an_edge_is_latched_until_it_is_acknowledged(bench: GicBench) -> None:
    configure(bench, EDGE)
    bench.gic.spi(SPI).pulse()
    assert is_pending(bench)
    assert bench.icc("IAR1") == SPI
    assert not is_pending(bench)


def test_only_the_rise_of_an_edge_triggered_line_counts(bench: GicBench) -> None:
    configure(bench, EDGE)
    line = bench.gic.spi(SPI)
    line.set_level(True)
    assert bench.icc("IAR1") == SPI
    line.set_level(True)
    line.set_level(False)
    assert not is_pending(bench)


def test_an_edge_during_the_handler_is_signalled_after_it(bench: GicBench) -> None:
    configure(bench, EDGE)
    line = bench.gic.spi(SPI)
    line.pulse()
    assert bench.icc("IAR1") == SPI
    line.pulse()
    assert bench.asserted == [False]
    bench.set_icc("EOIR1", SPI)
    assert bench.icc("IAR1") == SPI


def test_a_pulse_on_a_level_sensitive_line_leaves_nothing_behind(bench: GicBench) -> None:
    configure(bench, LEVEL)
    bench.gic.spi(SPI).pulse()
    assert not is_pending(bench)
    configure(bench, EDGE)
    assert not is_pending(bench)


def test_icpendr_clears_the_latch_but_not_the_line(bench: GicBench) -> None:
    configure(bench, LEVEL)
    bench.write("GICD_ISPENDR", BIT, 1)
    bench.gic.spi(SPI).set_level(True)
    bench.write("GICD_ICPENDR", BIT, 1)
    assert is_pending(bench)
    bench.gic.spi(SPI).set_level(False)
    assert not is_pending(bench)


def test_a_write_to_ispendr_outlives_the_line(bench: GicBench) -> None:
    configure(bench, LEVEL)
    line = bench.gic.spi(SPI)
    line.set_level(True)
    bench.write("GICD_ISPENDR", BIT, 1)
    line.set_level(False)
    assert is_pending(bench)


def test_a_disabled_interrupt_becomes_pending_and_is_signalled_once_enabled(
    bench: GicBench,
) -> None:
    bench.write("GICD_ICENABLER", BIT, 1)
    bench.gic.spi(SPI).pulse()
    assert bench.asserted == [False]
    bench.write("GICD_ISENABLER", BIT, 1)
    assert bench.asserted == [True]


def test_an_interrupt_made_active_by_a_write_is_not_signalled(bench: GicBench) -> None:
    bench.write("GICD_ISACTIVER", BIT, 1)
    bench.gic.spi(SPI).pulse()
    assert bench.asserted == [False]
    bench.write("GICD_ICACTIVER", BIT, 1)
    assert bench.asserted == [True]


def test_set_and_clear_registers_read_the_same_and_ignore_zeros(bench: GicBench) -> None:
    for kind in ("ENABLER", "PENDR", "ACTIVER"):
        bench.write(f"GICD_IC{kind}", 0xFFFF_FFFF, 1)
        bench.write(f"GICD_IS{kind}", 0b1010, 1)
        bench.write(f"GICD_IS{kind}", 0, 1)
        assert bench.read(f"GICD_IS{kind}", 1) == bench.read(f"GICD_IC{kind}", 1) == 0b1010
        bench.write(f"GICD_IC{kind}", 0b0010, 1)
        assert bench.read(f"GICD_IS{kind}", 1) == 0b1000


def test_five_priority_bits_are_implemented(bench: GicBench) -> None:
    bench.write("GICD_IPRIORITYR", 0xFF07_A5F8, SPI // 4)
    assert bench.read("GICD_IPRIORITYR", SPI // 4) == 0xF800_A0F8


def test_only_the_upper_bit_of_a_configuration_field_is_implemented(bench: GicBench) -> None:
    bench.write("GICD_ICFGR", 0b11_10_01_00, 2)
    assert bench.read("GICD_ICFGR", 2) == 0b10_10_00_00


def test_of_equal_priorities_the_lowest_intid_is_signalled_first(bench: GicBench) -> None:
    bench.write("GICD_ISPENDR", 0b110, 2)
    bench.write("GICR_ISPENDR0", 1 << 20)
    acknowledged = []
    for _ in range(3):
        acknowledged.append(bench.icc("IAR1"))
        bench.set_icc("EOIR1", acknowledged[-1])
    assert acknowledged == [20, 65, 66]


def test_the_highest_priority_is_signalled_first_whatever_its_intid(bench: GicBench) -> None:
    bench.prioritise(20, 0x80)
    bench.prioritise(90, 0x78)
    bench.write("GICR_ISPENDR0", 1 << 20)
    bench.write("GICD_ISPENDR", 1 << 90 - 64, 2)
    assert bench.icc("IAR1") == 90


def test_an_interrupt_is_reported_when_it_becomes_pending_and_only_then(bench: GicBench) -> None:
    """Whatever made it pending: an edge, a line, a register write, an SGI."""
    configure(bench, LEVEL)
    line = bench.gic.spi(SPI)
    line.set_level(True)
    bench.write("GICD_ISPENDR", BIT, 1)
    line.set_level(False)
    bench.write("GICR_ISPENDR0", 0b11)
    bench.set_icc("SGI1R", 1 << 0 | 2 << 24)
    bench.gic.ppi(0, 27).set_level(True)
    assert bench.events == [
        IrqPended(SPI, None),
        IrqPended(0, 0),
        IrqPended(1, 0),
        IrqPended(2, 0),
        IrqPended(27, 0),
    ]


def test_making_a_high_line_level_sensitive_makes_it_pending(bench: GicBench) -> None:
    configure(bench, EDGE)
    bench.gic.spi(SPI).set_level(True)
    bench.write("GICD_ICPENDR", BIT, 1)
    configure(bench, LEVEL)
    assert bench.asserted == [True]
