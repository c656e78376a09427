"""The CPU interface: signalling, preemption, ICC_* registers (IHI 0069, 4.8 and 12.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.gicv3 import INTID_SPURIOUS
from emu.core.events import IrqAcknowledged, IrqDeactivated, IrqEnded
from harness.reference.gic_bench import GicBench

EOIMODE, CBPR = 0b10, 0b01


@pytest.fixture
def bench() -> GicBench:
    """One vCPU, everything enabled."""
    bench = GicBench()
    bench.enable_everything()
    return bench


def pend(bench: GicBench, intid: int, priority: int, group: int = 1) -> None:
    """Make a PPI or SGI pending with a priority and a group."""
    groups = bench.read("GICR_IGROUPR0") & ~(1 << intid) | group << intid
    bench.write("GICR_IGROUPR0", groups)
    bench.prioritise(intid, priority)
    bench.write("GICR_ISPENDR0", 1 << intid)


# --- acknowledge ---------------------------------------------------------------------------------


def test_with_nothing_to_signal_an_acknowledge_is_spurious_and_changes_nothing(
    bench: GicBench,
) -> None:
    before = bench.gic.state()
    assert bench.icc("IAR0") == bench.icc("IAR1") == INTID_SPURIOUS
    assert bench.gic.state() == before
    assert bench.events == []


@pytest.mark.parametrize("group", [0, 1])
def test_an_interrupt_is_acknowledged_only_through_its_groups_register(
    bench: GicBench, group: int
) -> None:
    pend(bench, 20, 0x80, group)
    assert bench.icc(f"HPPIR{1 - group}") == bench.icc(f"IAR{1 - group}") == INTID_SPURIOUS
    assert bench.icc(f"HPPIR{group}") == bench.icc(f"IAR{group}") == 20
    assert bench.icc(f"AP{group}R0") == 1 << (0x80 >> 3)


def test_a_higher_priority_of_the_other_group_hides_what_is_below(bench: GicBench) -> None:
    pend(bench, 20, 0x40, group=0)
    pend(bench, 21, 0x80, group=1)
    assert bench.icc("IAR1") == bench.icc("HPPIR1") == INTID_SPURIOUS


def test_group_0_is_signalled_as_fiq_and_group_1_as_irq(bench: GicBench) -> None:
    pend(bench, 20, 0x80, group=1)
    assert (bench.irq, bench.fiq) == ([True], [False])
    pend(bench, 21, 0x80, group=0)
    assert (bench.irq, bench.fiq) == ([True], [False])
    pend(bench, 22, 0x40, group=0)
    assert (bench.irq, bench.fiq) == ([False], [True])
    assert bench.changes == [(0, "irq", True), (0, "irq", False), (0, "fiq", True)]


def test_what_is_behind_an_acknowledged_fiq_comes_as_irq_after_it(bench: GicBench) -> None:
    pend(bench, 20, 0x80, group=1)
    pend(bench, 21, 0x40, group=0)
    assert bench.icc("IAR0") == 21
    assert bench.asserted == [False]
    bench.set_icc("EOIR0", 21)
    assert (bench.irq, bench.fiq) == ([True], [False])
    assert bench.icc("IAR1") == 20


def test_an_interrupt_changes_its_input_with_its_group(bench: GicBench) -> None:
    pend(bench, 20, 0x80, group=1)
    bench.write("GICR_IGROUPR0", 0)
    assert (bench.irq, bench.fiq) == ([False], [True])


def test_a_disabled_group_does_not_hide_the_other(bench: GicBench) -> None:
    pend(bench, 20, 0x40, group=0)
    pend(bench, 21, 0x80, group=1)
    bench.set_icc("IGRPEN0", 0)
    assert bench.icc("IAR1") == 21


@pytest.mark.parametrize("group", [0, 1])
def test_igrpen_enables_each_group_for_itself(bench: GicBench, group: int) -> None:
    pend(bench, 20, 0x80, group)
    bench.set_icc(f"IGRPEN{group}", 0)
    assert bench.asserted == [False]
    bench.set_icc(f"IGRPEN{group}", 1)
    assert bench.asserted == [True]


def test_the_input_changes_only_when_the_answer_does(bench: GicBench) -> None:
    pend(bench, 20, 0x80)
    pend(bench, 21, 0x40)
    bench.set_icc("PMR", 0xF0)
    assert bench.changes == [(0, "irq", True)]


# --- priorities ----------------------------------------------------------------------------------


def test_only_priorities_above_the_mask_are_signalled(bench: GicBench) -> None:
    """An interrupt of the mask's own priority is not; ICC_HPPIR shows it all the same."""
    pend(bench, 20, 0x80)
    bench.set_icc("PMR", 0x80)
    assert bench.asserted == [False]
    assert bench.icc("IAR1") == INTID_SPURIOUS
    assert bench.icc("HPPIR1") == 20
    bench.set_icc("PMR", 0x88)
    assert bench.icc("IAR1") == 20


def test_the_lowest_priority_is_signalled_with_the_mask_wide_open_only(bench: GicBench) -> None:
    pend(bench, 20, 0xFF)
    bench.set_icc("PMR", 0xFF)
    assert bench.icc("PMR") == 0xF8
    assert bench.asserted == [False]


def test_a_higher_priority_preempts_and_the_running_priority_comes_back(bench: GicBench) -> None:
    assert bench.icc("RPR") == 0xFF
    running = [0xFF]
    for intid, priority in ((20, 0x80), (21, 0x40), (22, 0x00)):
        pend(bench, intid, priority)
        assert bench.icc("IAR1") == intid
        running.append(bench.icc("RPR"))
    assert running == [0xFF, 0x80, 0x40, 0x00]
    for intid in (22, 21, 20):
        assert bench.icc("RPR") == running.pop()
        bench.set_icc("EOIR1", intid)
    assert bench.icc("RPR") == 0xFF


def test_an_equal_priority_does_not_preempt(bench: GicBench) -> None:
    pend(bench, 20, 0x80)
    bench.icc("IAR1")
    pend(bench, 3, 0x80)
    assert bench.asserted == [False]
    bench.set_icc("EOIR1", 20)
    assert bench.icc("IAR1") == 3


@pytest.mark.parametrize(("group", "point", "width"), [(0, 4, 3), (1, 4, 4), (0, 2, 5), (1, 3, 5)])
def test_the_binary_point_says_which_priority_bits_preempt(
    bench: GicBench, group: int, point: int, width: int
) -> None:
    """Group 1's counts from one bit lower than group 0's."""
    bench.set_icc(f"BPR{group}", point)
    step = 1 << (8 - width)
    pend(bench, 20, 0x80 + step - 8, group)
    assert bench.icc(f"IAR{group}") == 20
    assert bench.icc("RPR") == 0x80
    pend(bench, 21, 0x80, group)
    assert bench.asserted == [False]
    pend(bench, 22, 0x80 - 8, group)
    assert bench.asserted == [True]


def test_with_binary_point_7_group_0_never_preempts(bench: GicBench) -> None:
    bench.set_icc("BPR0", 7)
    pend(bench, 20, 0xF0, group=0)
    assert bench.icc("IAR0") == 20
    pend(bench, 21, 0x00, group=0)
    assert bench.asserted == [False]


def test_subpriorities_order_what_does_not_preempt(bench: GicBench) -> None:
    bench.set_icc("BPR1", 7)
    pend(bench, 20, 0x48)
    pend(bench, 21, 0x40)
    assert bench.icc("IAR1") == 21


def test_the_running_priority_is_compared_by_its_group_priority(bench: GicBench) -> None:
    """When the binary point moves up while an interrupt runs, its lower bits stop to count."""
    pend(bench, 20, 0x48)
    assert bench.icc("IAR1") == 20
    bench.set_icc("BPR1", 4)
    pend(bench, 21, 0x40)
    assert bench.asserted == [False]


def test_with_cbpr_group_0s_binary_point_serves_both(bench: GicBench) -> None:
    bench.set_icc("BPR0", 5)
    pend(bench, 20, 0x78)
    assert bench.icc("IAR1") == 20
    pend(bench, 21, 0x40)
    assert bench.asserted == [True]
    bench.set_icc("CTLR", CBPR)
    assert bench.asserted == [False]
    bench.set_icc("CTLR", 0)
    assert bench.asserted == [True]


def test_with_cbpr_bpr1_shows_bpr0_plus_1_and_ignores_writes(bench: GicBench) -> None:
    bench.set_icc("BPR1", 4)
    bench.set_icc("BPR0", 5)
    bench.set_icc("CTLR", CBPR)
    assert bench.icc("BPR1") == 6
    bench.set_icc("BPR1", 7)
    bench.set_icc("CTLR", 0)
    assert bench.icc("BPR1") == 4


@pytest.mark.parametrize(("group", "lowest"), [(0, 2), (1, 3)])
def test_binary_points_below_the_lowest_become_the_lowest(
    bench: GicBench, group: int, lowest: int
) -> None:
    for value in range(9):
        bench.set_icc(f"BPR{group}", value)
        assert bench.icc(f"BPR{group}") == max(value & 7, lowest)


def test_bpr1_shows_at_most_7_with_cbpr(bench: GicBench) -> None:
    bench.set_icc("BPR0", 7)
    bench.set_icc("CTLR", CBPR)
    assert bench.icc("BPR1") == 7


# --- active priorities ---------------------------------------------------------------------------


@given(ap0=st.integers(0, 2**32 - 1), ap1=st.integers(0, 2**32 - 1))
def test_the_running_priority_follows_from_the_active_priority_registers(
    ap0: int, ap1: int
) -> None:
    bench = GicBench()
    bench.set_icc("AP0R0", ap0)
    bench.set_icc("AP1R0", ap1)
    levels = [level for level in range(32) if (ap0 | ap1) >> level & 1]
    assert bench.icc("RPR") == (levels[0] * 8 if levels else 0xFF)
    assert (bench.icc("AP0R0"), bench.icc("AP1R0")) == (ap0, ap1)


def test_writing_the_active_priorities_changes_what_is_signalled(bench: GicBench) -> None:
    pend(bench, 20, 0x80)
    bench.set_icc("AP1R0", 1 << 16)
    assert bench.asserted == [False]
    bench.set_icc("AP1R0", 1 << 17)
    assert bench.asserted == [True]


@pytest.mark.parametrize(
    ("ap0", "ap1", "group"), [(0b10, 0b100, 0), (0b100, 0b10, 1), (0b10, 0b10, 0)]
)
def test_an_end_drops_the_highest_active_priority_if_it_is_of_its_group(
    bench: GicBench, ap0: int, ap1: int, group: int
) -> None:
    active = [ap0, ap1]
    bench.set_icc("AP0R0", ap0 | 1 << 20)
    bench.set_icc("AP1R0", ap1 | 1 << 20)
    bench.set_icc(f"EOIR{1 - group}", 20)
    assert bench.icc("AP0R0") == ap0 | 1 << 20
    assert bench.icc("AP1R0") == ap1 | 1 << 20
    bench.set_icc(f"EOIR{group}", 20)
    active[group] = 0
    assert [bench.icc("AP0R0"), bench.icc("AP1R0")] == [part | 1 << 20 for part in active]


def test_an_end_without_an_active_priority_is_ignored(bench: GicBench) -> None:
    bench.write("GICR_ISACTIVER0", 1 << 20)
    bench.set_icc("EOIR1", 20)
    assert bench.read("GICR_ISACTIVER0") == 1 << 20
    assert bench.events == []


@pytest.mark.parametrize("intid", [1020, 1023, 8192, 32 + 64])
def test_an_end_of_no_interrupt_is_ignored(bench: GicBench, intid: int) -> None:
    pend(bench, 20, 0x80)
    bench.icc("IAR1")
    before = bench.gic.state()
    bench.set_icc("EOIR1", intid)
    bench.set_icc("DIR", intid)
    assert bench.gic.state() == before


# --- EOImode -------------------------------------------------------------------------------------


def test_with_eoimode_0_an_end_deactivates(bench: GicBench) -> None:
    pend(bench, 20, 0x80)
    bench.icc("IAR1")
    bench.set_icc("DIR", 20)
    assert bench.read("GICR_ISACTIVER0") == 1 << 20
    bench.set_icc("EOIR1", 20)
    assert bench.read("GICR_ISACTIVER0") == 0
    assert bench.events[1:] == [IrqAcknowledged(20, 0), IrqEnded(20, 0)]


def test_with_eoimode_1_an_end_drops_the_priority_and_dir_deactivates(bench: GicBench) -> None:
    bench.set_icc("CTLR", EOIMODE)
    pend(bench, 20, 0x80)
    bench.icc("IAR1")
    bench.set_icc("EOIR1", 20)
    assert bench.icc("RPR") == 0xFF
    assert bench.read("GICR_ISACTIVER0") == 1 << 20
    pend(bench, 20, 0x80)
    assert bench.asserted == [False]
    bench.set_icc("DIR", 20)
    assert bench.asserted == [True]
    bench.set_icc("DIR", 20)
    assert bench.events.count(IrqDeactivated(20, 0)) == 1


# --- registers -----------------------------------------------------------------------------------


def test_ctlr_shows_what_is_implemented_and_keeps_cbpr_and_eoimode(bench: GicBench) -> None:
    """32 priorities (PRIbits 4), 16-bit INTIDs, non-zero Aff3 (A3V)."""
    for value, kept in ((0, 0), (0xFFFF_FFFF, 0b11), (0b10, 0b10)):
        bench.set_icc("CTLR", value)
        assert bench.icc("CTLR") == 0x8400 | kept


def test_only_the_system_register_interface_exists(bench: GicBench) -> None:
    bench.set_icc("SRE", 0)
    assert bench.icc("SRE") == 0b111


def test_registers_that_five_priority_bits_do_not_need_are_absent(bench: GicBench) -> None:
    names = bench.gic.cpu_interface(0).keys()
    assert {name for name in names if "_AP" in name} == {"ICC_AP0R0_EL1", "ICC_AP1R0_EL1"}


@pytest.mark.parametrize("name", ["IAR1", "HPPIR1", "RPR"])
def test_read_only_registers_ignore_writes(bench: GicBench, name: str) -> None:
    before = bench.gic.state()
    bench.set_icc(name, 0)
    assert bench.gic.state() == before


@pytest.mark.parametrize("name", ["EOIR1", "DIR", "SGI0R", "SGI1R", "ASGI1R"])
def test_write_only_registers_read_as_zero(bench: GicBench, name: str) -> None:
    assert bench.icc(name) == 0
