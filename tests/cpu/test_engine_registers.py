"""The engine's registers, and what it keeps besides."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.layouts import ESR_EL1
from emu.cpu.engine import RegisterModel
from emu.errors import GuestError, IncompatibleError
from tests import a64
from tests.cpu import bench as at
from tests.cpu.bench import Bench

UNKNOWN = 1 << 25
FETCH_ABORT_EL1 = 0x21


@pytest.mark.parametrize("pstate", [at.EL0T, at.EL1T, at.EL1H])
@pytest.mark.parametrize("other", [at.EL0T, at.EL1T, at.EL1H])
def test_stack_pointers_keep_their_identity_in_every_mode(pstate: int, other: int) -> None:
    bench = Bench(pstate=pstate)
    bench.engine.set_sp(0, 0xAAAA)
    bench.engine.set_sp(1, 0xBBBB)
    assert (bench.engine.get_sp(0), bench.engine.get_sp(1)) == (0xAAAA, 0xBBBB)
    bench.engine.pstate = other
    assert (bench.engine.get_sp(0), bench.engine.get_sp(1)) == (0xAAAA, 0xBBBB)
    assert bench.engine.x[31] == (0xBBBB if other == at.EL1H else 0xAAAA)


def test_stack_pointers_follow_the_guest() -> None:
    """Through SPSel, exception entry and return, and at EL0."""
    bench = Bench(
        a64.MOV_SP_X0,  # SP_EL1
        a64.SPSEL_0,
        a64.ADD_X0_1,
        a64.MOV_SP_X0,  # SP_EL0
        a64.svc(0),
    )
    bench.put(at.SYNC_EL1T, a64.ADD_X0_1, a64.MOV_SP_X0)  # SP_EL1
    bench.engine.x[0] = 0x1000
    bench.engine.run(4)
    assert (bench.engine.get_sp(0), bench.engine.get_sp(1)) == (0x1001, 0x1000)
    bench.engine.run(3)
    assert (bench.engine.get_sp(0), bench.engine.get_sp(1)) == (0x1001, 0x1002)
    assert bench.get("SPSR_EL1") == at.EL1T


pstates = st.builds(
    lambda mode, daif, flags, pan, uao, dit: (
        mode | daif << 6 | flags << 28 | pan << 22 | uao << 23 | dit << 24
    ),
    st.sampled_from([0b0000, 0b0100, 0b0101]),
    st.integers(0, 15),
    st.integers(0, 15),
    *[st.integers(0, 1)] * 3,
)


@given(first=pstates, second=pstates)
def test_pstate_is_what_it_was_set_to(first: int, second: int) -> None:
    bench = Bench()
    for pstate in (first, second):
        bench.engine.pstate = pstate
        assert bench.engine.pstate == pstate
        assert bench.engine.el == pstate >> 2 & 3


@pytest.mark.parametrize("pstate", [0x3C9, 0x3CD, 0x1D3, 0x10, 0x3C1, 0x3C6, 1 << 32 | 0x3C5])
def test_modes_that_this_machine_lacks_are_refused(pstate: int) -> None:
    """EL2, EL3, AArch32 and reserved modes; what was there stays."""
    bench = Bench()
    with pytest.raises(IncompatibleError, match=f"PSTATE {pstate:#x}"):
        bench.engine.pstate = pstate
    assert bench.engine.pstate == at.EL1H


def test_a_return_to_aarch32_is_an_error() -> None:
    bench = Bench(a64.ERET)
    bench.set("ELR_EL1", at.DATA)
    bench.set("SPSR_EL1", 0x10)
    with pytest.raises(GuestError, match="AArch32"):
        bench.engine.run(1)


vector_registers = st.lists(st.integers(0, 2**128 - 1), min_size=32, max_size=32)


@given(values=vector_registers)
def test_vector_registers_have_128_bits(values: list[int]) -> None:
    bench = Bench()
    bench.engine.set_v(values)
    assert bench.engine.get_v() == values


def test_a_closed_core_can_be_closed_again() -> None:
    bench = Bench()
    bench.engine.close()
    bench.engine.close()
    assert vars(bench.engine) == {}


# --- transients ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("cleared", "failed"), [(False, 0), (True, 1)])
def test_clearing_transients_drops_the_exclusive_monitor(cleared: bool, failed: int) -> None:
    bench = Bench(a64.LDXR_X3_X1, a64.STXR_W4_X3_X1)
    bench.engine.x[1] = at.DATA
    bench.engine.run(1)
    if cleared:
        bench.engine.clear_transients()
    bench.engine.run(1)
    assert bench.engine.x[4] == failed


def test_clearing_transients_ends_a_wait() -> None:
    bench = Bench(a64.WFI)
    bench.engine.run(1)
    bench.engine.clear_transients()
    assert not bench.engine.waiting


def test_clearing_transients_drops_the_tlb() -> None:
    """The tables, changed behind the guest's back, count from then on."""
    bench = Bench()
    bench.enable_mmu()
    bench.engine.run(1)
    bench.ram.write(at.TABLE + 8, bytes(8))
    bench.engine.clear_transients()
    bench.engine.run(1)
    assert [ESR_EL1(esr).EC for esr, _ in bench.exceptions] == [FETCH_ABORT_EL1]


# --- modelled registers ------------------------------------------------------------------------

SPARE_EL0 = (3, 3, 15, 15, 7)


@pytest.mark.parametrize("pstate", [at.EL0T, at.EL1H])
@pytest.mark.parametrize("allowed", [True, False])
def test_el0_is_asked_for_and_el1_is_not(pstate: int, allowed: bool) -> None:
    """A refused access traps to EL1 as a trapped MRS or MSR (EC 0x18), and is not carried out."""
    asked: list[bool] = []
    written: list[int] = []

    def el0_allowed(is_read: bool) -> bool:
        asked.append(is_read)
        return allowed

    bench = Bench(a64.mrs(0, SPARE_EL0), a64.msr(SPARE_EL0, 0), pstate=pstate)
    bench.put(at.SYNC_EL0, a64.ERET)
    bench.engine.define(
        "SPARE",
        SPARE_EL0,
        RegisterModel(
            read=lambda: 5, write=written.append, el=0, write_el=0, el0_allowed=el0_allowed
        ),
    )
    bench.engine.run(1)
    refused = pstate == at.EL0T and not allowed
    assert [ESR_EL1(esr).EC for esr, _ in bench.exceptions] == [0x18] * refused
    bench.engine.pc, bench.engine.pstate = at.CODE + 4, pstate
    bench.engine.run(1)
    assert (bench.engine.x[0], written) == ((0, []) if refused else (5, [5]))
    assert asked == ([True, False] if pstate == at.EL0T else [])


def test_a_register_that_only_el1_may_write() -> None:
    bench = Bench(a64.msr(SPARE_EL0, 0), pstate=at.EL0T)
    bench.engine.define("SPARE", SPARE_EL0, RegisterModel(read=int, write=print, el=0, write_el=1))
    bench.engine.run(1)
    assert bench.exceptions == [(UNKNOWN, at.CODE)]
