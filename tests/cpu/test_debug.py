"""Self-hosted debug: breakpoints and software step (DDI 0487 K.a, D2)."""

from __future__ import annotations

import pytest

from emu.arch.layouts import ESR_EL1
from tests import a64
from tests.cpu import bench as at
from tests.cpu.bench import Bench

MDE, KDE, SS = 1 << 15, 1 << 13, 1 << 0
DEBUG_OPEN = 0x200
EL1H, EL0T = at.EL1H & ~DEBUG_OPEN, at.EL0T & ~DEBUG_OPEN
SPSR_SS = 1 << 21
ANYWHERE = 0xF << 5 | 3 << 1 | 1
"""DBGBCR: all four bytes, EL1 and EL0, enabled."""
LINKED_ADDRESS, LINKED_CONTEXT = 1 << 20, 3 << 20
CONTEXT_BREAKPOINT = 5
DEBUG_FAULT = 0x22


def bench(*code: int, pstate: int = EL1H, **registers: int) -> Bench:
    made = Bench(*code, pstate=pstate)
    for name, value in {"OSLSR_EL1": 0, "MDSCR_EL1": MDE | KDE, **registers}.items():
        made.set(name, value)
    return made


def raised(made: Bench) -> list[tuple[int, int, int]]:
    """EC, ISS and ELR of each exception."""
    return [(ESR_EL1(esr).EC, ESR_EL1(esr).ISS, elr) for esr, elr in made.exceptions]


@pytest.mark.parametrize(("pstate", "ec"), [(EL0T, 0x30), (EL1H, 0x31)])
def test_a_breakpoint_is_hit_before_its_instruction(pstate: int, ec: int) -> None:
    made = bench(
        a64.ADD_X0_1,
        a64.ADD_X0_1,
        pstate=pstate,
        DBGBVR0_EL1=at.CODE + 4,
        DBGBCR0_EL1=ANYWHERE,
    )
    made.engine.run(2)
    assert raised(made) == [(ec, DEBUG_FAULT, at.CODE + 4)]
    assert made.engine.x[0] == 1


@pytest.mark.parametrize(
    ("pstate", "registers"),
    [
        (EL1H | DEBUG_OPEN, {}),
        (EL1H, {"MDSCR_EL1": MDE}),
        (EL1H, {"MDSCR_EL1": KDE}),
        (EL1H, {"DBGBCR0_EL1": ANYWHERE & ~1}),
        (EL1H, {"DBGBCR0_EL1": ANYWHERE & ~(3 << 1) | 2 << 1}),
        (EL0T, {"DBGBCR0_EL1": ANYWHERE & ~(3 << 1) | 1 << 1}),
    ],
    ids=["PSTATE.D", "no KDE", "no MDE", "not enabled", "EL0 only", "EL1 only"],
)
def test_a_breakpoint_is_not_hit_where_it_does_not_apply(
    pstate: int, registers: dict[str, int]
) -> None:
    armed = {"DBGBVR0_EL1": at.CODE, "DBGBCR0_EL1": ANYWHERE, **registers}
    made = bench(a64.ADD_X0_1, pstate=pstate, **armed)
    made.engine.run(1)
    assert raised(made) == []


@pytest.mark.parametrize("context", [0x77, 0x78])
def test_a_breakpoint_can_be_linked_to_a_context(context: int) -> None:
    made = bench(
        DBGBVR0_EL1=at.CODE,
        DBGBCR0_EL1=ANYWHERE | LINKED_ADDRESS | CONTEXT_BREAKPOINT << 16,
        DBGBVR5_EL1=0x77,
        DBGBCR5_EL1=ANYWHERE | LINKED_CONTEXT,
        CONTEXTIDR_EL1=context,
    )
    made.engine.run(1)
    assert raised(made) == [(0x31, DEBUG_FAULT, at.CODE)] * (context == 0x77)


@pytest.mark.parametrize(("pstate", "ec"), [(EL0T, 0x32), (EL1H, 0x33)])
@pytest.mark.parametrize(("word", "ex"), [(a64.NOP, 0), (a64.LDXR_X3_X1, 1 << 6)])
def test_one_instruction_is_stepped(pstate: int, ec: int, word: int, ex: int) -> None:
    """Active-not-pending: it is executed, and the next one is not. ISV is 1, EX tells a LDXR."""
    made = bench(
        a64.ERET,
        pstate=at.EL1H,
        MDSCR_EL1=KDE | SS,
        ELR_EL1=at.CODE + 0x100,
        SPSR_EL1=pstate | SPSR_SS,
    )
    made.put(at.CODE + 0x100, word)
    made.engine.x[1] = at.DATA
    made.engine.run(3)
    assert raised(made) == [(ec, 1 << 24 | ex | DEBUG_FAULT, at.CODE + 0x104)]
    assert made.get("SPSR_EL1") == pstate


def test_a_pending_step_is_taken_at_once() -> None:
    """Active-pending: SPSR.SS is 0, so that nothing is executed."""
    made = bench(a64.ERET, MDSCR_EL1=SS, ELR_EL1=at.CODE + 0x100, SPSR_EL1=EL0T)
    made.engine.run(2)
    assert raised(made) == [(0x32, DEBUG_FAULT, at.CODE + 0x100)]


def test_an_exception_ends_a_step() -> None:
    made = bench(a64.ERET, MDSCR_EL1=SS, ELR_EL1=at.CODE + 0x100, SPSR_EL1=EL0T | SPSR_SS)
    made.put(at.CODE + 0x100, a64.svc(3))
    made.engine.run(3)
    assert raised(made) == [(0x15, 3, at.CODE + 0x104)]
