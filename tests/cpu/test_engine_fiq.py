"""The FIQ input beside the IRQ input (DDI 0487, D1.3.6): each has its mask and its vector."""

from __future__ import annotations

import pytest

from tests import a64
from tests.cpu import bench as at
from tests.cpu.bench import Bench


def test_a_fiq_is_taken_by_the_instruction_behind_the_one_that_unmasks_it() -> None:
    bench = Bench(a64.NOP, a64.OPEN_FIQ, a64.NOP)
    bench.put(at.FIQ_EL1H, a64.ADD_X0_1, a64.ERET)
    bench.engine.set_fiq(True)
    assert (bench.engine.run(2), bench.engine.x[0]) == (2, 0)
    bench.engine.run(1)
    assert (bench.engine.x[0], bench.get("ELR_EL1")) == (1, at.CODE + 8)
    assert bench.get("SPSR_EL1") == at.FIQ_OPEN
    assert bench.exceptions == []


@pytest.mark.parametrize(
    ("pstate", "vector"),
    [
        (at.IRQ_OPEN, at.IRQ_EL1H),
        (at.FIQ_OPEN, at.FIQ_EL1H),
        (at.IRQ_OPEN & at.FIQ_OPEN, at.FIQ_EL1H),
        (0, at.FIQ_EL0),
    ],
)
def test_with_both_inputs_driven_the_masks_decide_and_fiq_comes_first(
    pstate: int, vector: int
) -> None:
    """With both unmasked the architecture leaves the order open; the core takes the FIQ."""
    bench = Bench(pstate=pstate)
    bench.engine.set_irq(True)
    bench.engine.set_fiq(True)
    bench.engine.run(1)
    assert bench.engine.pc == vector + 4


def test_neither_input_drives_the_other() -> None:
    engine = Bench().engine
    engine.set_fiq(True)
    assert (engine.irq_asserted, engine.fiq_asserted) == (False, True)
    engine.set_irq(True)
    engine.set_fiq(False)
    assert (engine.irq_asserted, engine.fiq_asserted) == (True, False)
    engine.set_irq(False)
    assert not engine.interrupt_asserted


def test_a_fiq_that_is_dropped_before_it_is_unmasked_is_never_taken() -> None:
    bench = Bench(a64.NOP, a64.OPEN_FIQ, a64.NOP)
    bench.engine.set_fiq(True)
    bench.engine.run(1)
    bench.engine.set_fiq(False)
    bench.engine.run(5)
    assert bench.engine.pc == at.CODE + 24


def test_wfi_falls_through_with_a_fiq_though_it_is_masked() -> None:
    bench = Bench(a64.NOP, a64.WFI, a64.NOP)
    bench.engine.set_fiq(True)
    assert bench.engine.interrupt_asserted
    assert bench.engine.run(3) == 3
    assert (bench.engine.waiting, bench.engine.pc) == (False, at.CODE + 12)


@pytest.mark.parametrize(("irq", "fiq"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_isr_el1_shows_both_inputs(irq: int, fiq: int) -> None:
    """I is bit 7 and F is bit 6 (DDI 0487, D19.2.69)."""
    bench = Bench(a64.mrs(5, (3, 0, 12, 1, 0)))
    bench.engine.set_irq(bool(irq))
    bench.engine.set_fiq(bool(fiq))
    bench.engine.run(1)
    assert bench.engine.x[5] == irq << 7 | fiq << 6
