"""Aborts and other exceptions of memory accesses: their syndromes (DDI 0487 K.a, D19.2.40)."""

from __future__ import annotations

from itertools import product

import pytest

from emu.arch.layouts import ESR_EL1
from emu.cpu import CORTEX_A72
from tests import a64
from tests.cpu import bench as at
from tests.cpu.paged import (
    GUARDED,
    PXN,
    READ_ONLY,
    READABLE,
    SHARED,
    TRIED,
    USER,
    UXN,
    VALID_BLOCK,
    VALID_PAGE,
    PagedVcpu,
)

FETCH_EL0, FETCH_EL1, DATA_EL0, DATA_EL1 = 0x20, 0x21, 0x24, 0x25
TRANSLATION, ACCESS_FLAG, PERMISSION, ALIGNMENT = 0x04, 0x08, 0x0C, 0x21
WRITE = 1 << 6
PAGE = at.DATA | READABLE | VALID_PAGE
PAN, UAO = 1 << 22, 1 << 23
LDTR = 0xF8400820  # ldtr x0, [x1]
LDADD = 0xF8230024  # ldadd x3, x4, [x1]
DC_ZVA = 0xD50B7421  # dc zva, x1


def leaf(level: int, attributes: int) -> dict[int, int]:
    """The descriptors of `TRIED` that end at that level."""
    address, kind = (at.DATA, VALID_PAGE) if level == 3 else (at.RAM, VALID_BLOCK)
    return {level: address | attributes | kind}


def faulted(lone: PagedVcpu) -> tuple[int, int]:
    """EC and ISS of the exception; FAR_EL1 is checked."""
    esr = lone.esr()
    assert lone.get("FAR_EL1") == TRIED
    assert int(esr) >> 25 & 1  # IL
    return esr.EC, esr.ISS


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize(("el", "ec"), [(0, DATA_EL0), (1, DATA_EL1)])
@pytest.mark.parametrize(("word", "wnr"), [(a64.LDR_X0_X1, 0), (a64.STR_X2_X1, WRITE)])
class TestDataAborts:
    """At each level, of loads and stores, from EL0 and EL1."""

    def test_translation(self, level: int, el: int, ec: int, word: int, wnr: int) -> None:
        lone = PagedVcpu(descriptors={level: 0}, user_code=not el)
        assert not lone.execute(word, pstate=at.EL1H if el else at.EL0T)
        assert faulted(lone) == (ec, wnr | TRANSLATION | level)

    def test_access_flag(self, level: int, el: int, ec: int, word: int, wnr: int) -> None:
        attributes = SHARED | (0 if el else USER)
        lone = PagedVcpu(descriptors=leaf(level, attributes), user_code=not el)
        assert not lone.execute(word, pstate=at.EL1H if el else at.EL0T)
        assert faulted(lone) == (ec, wnr | ACCESS_FLAG | level)

    def test_permission(self, level: int, el: int, ec: int, word: int, wnr: int) -> None:
        """EL0 may not touch EL1's memory, EL1 may not write what is read-only."""
        attributes = READABLE | (READ_ONLY if el else 0)
        lone = PagedVcpu(descriptors=leaf(level, attributes), user_code=not el)
        ran = lone.execute(word, pstate=at.EL1H if el else at.EL0T)
        if el and not wnr:
            assert ran
        else:
            assert not ran
            assert faulted(lone) == (ec, wnr | PERMISSION | level)


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize(("el", "ec"), [(0, FETCH_EL0), (1, FETCH_EL1)])
@pytest.mark.parametrize("fault", [TRANSLATION, ACCESS_FLAG, PERMISSION])
def test_instruction_aborts(level: int, el: int, ec: int, fault: int) -> None:
    mine = 0 if el else USER
    attributes = {
        TRANSLATION: None,
        ACCESS_FLAG: SHARED | mine,
        PERMISSION: READABLE | mine | (PXN if el else UXN),
    }[fault]
    descriptors = {level: 0} if attributes is None else leaf(level, attributes)
    lone = PagedVcpu(descriptors=descriptors, user_code=not el)
    branch_to_tried(lone, at.EL1H if el else at.EL0T)
    assert faulted(lone) == (ec, fault | level)
    assert lone.get("ELR_EL1") == TRIED


def branch_to_tried(lone: PagedVcpu, pstate: int) -> None:
    lone.execute(a64.BR_X1, pstate=pstate)
    lone.vcpu.engine.run(1)


@pytest.mark.parametrize("address", [1 << 39, 0xFFFF_0000_0000_0000])
def test_an_address_that_no_table_is_for(address: int) -> None:
    """Beyond T0SZ, or where EPD1 forbids a walk: a translation fault of level 0."""
    lone = PagedVcpu()
    lone.vcpu.engine.x[1] = address
    assert not lone.execute(a64.LDR_X0_X1)
    assert (lone.esr().EC, lone.esr().ISS, lone.get("FAR_EL1")) == (DATA_EL1, TRANSLATION, address)


@pytest.mark.parametrize(
    ("word", "pstate", "page", "runs"),
    [
        (a64.LDR_X0_X1, at.EL1H, PAGE | USER, True),
        (a64.LDR_X0_X1, at.EL1H | PAN, PAGE | USER, False),
        (a64.LDR_X0_X1, at.EL1H | PAN, PAGE, True),
        (LDTR, at.EL1H | PAN, PAGE | USER, True),
        (LDTR, at.EL1H, PAGE, False),
        (LDTR, at.EL1H | UAO, PAGE, True),
    ],
)
def test_pan_and_uao_decide_about_the_kernel_and_user_pages(
    word: int, pstate: int, page: int, runs: bool
) -> None:
    lone = PagedVcpu(descriptors={3: page})
    assert lone.execute(word, pstate=pstate) == runs
    if not runs:
        assert faulted(lone) == (DATA_EL1, PERMISSION | 3)


@pytest.mark.parametrize(
    ("word", "page", "iss"),
    [
        (LDADD, 0, TRANSLATION | 3),  # the read would have faulted
        (LDADD, PAGE | READ_ONLY, WRITE | PERMISSION | 3),
        (a64.LDXR_X3_X1, 0, TRANSLATION | 3),
        (a64.LDP_W3_W4_X1, 0, TRANSLATION | 3),
        (DC_ZVA, 0, WRITE | TRANSLATION | 3),
    ],
)
def test_aborts_of_other_accesses(word: int, page: int, iss: int) -> None:
    lone = PagedVcpu(descriptors={3: page})
    assert not lone.execute(word)
    assert faulted(lone) == (DATA_EL1, iss)


@pytest.mark.parametrize("word", [a64.LDXR_X3_X1, LDADD, 0xC8E37C24])  # casa x3, x4, [x1]
def test_exclusives_and_atomics_must_be_aligned(word: int) -> None:
    lone = PagedVcpu()
    lone.vcpu.engine.x[1] = at.DATA + 1
    assert not lone.execute(word)
    assert (lone.esr().EC, lone.esr().ISS) == (DATA_EL1, ALIGNMENT)
    assert lone.get("FAR_EL1") == at.DATA + 1


def test_the_kernel_does_not_execute_user_writable_memory() -> None:
    lone = PagedVcpu(descriptors={3: PAGE | USER})
    branch_to_tried(lone, at.EL1H)
    assert faulted(lone) == (FETCH_EL1, PERMISSION | 3)


@pytest.mark.parametrize("promised", [True, False])
def test_a_branch_to_a_guarded_page_needs_a_landing_pad(promised: bool) -> None:
    """EC 0x0D with BTYPE, and PSTATE.BTYPE saved; nothing of it without BTI."""
    lone = PagedVcpu(
        descriptors={3: PAGE | GUARDED}, id_registers={} if promised else {"ID_AA64PFR1_EL1": 0}
    )
    lone.ram.write(at.DATA, a64.NOP.to_bytes(4, "little"))
    branch_to_tried(lone, at.EL1H)
    if promised:
        assert (lone.esr().EC, lone.esr().ISS, lone.get("ELR_EL1")) == (0x0D, 1, TRIED)
        assert lone.get("SPSR_EL1") == at.EL1H | 1 << 10
    else:
        assert lone.vcpu.engine.pc == TRIED + 4


def test_a_landing_pad_is_accepted() -> None:
    lone = PagedVcpu(descriptors={3: PAGE | GUARDED})
    bti_jc = 0xD50324DF
    lone.ram.write(at.DATA, bti_jc.to_bytes(4, "little"))
    branch_to_tried(lone, at.EL1H)
    assert lone.vcpu.engine.pc == TRIED + 4


@pytest.mark.parametrize(("key", "error"), [("A", 1 << 61), ("B", 1 << 62)])
def test_a_wrong_signature_makes_a_pointer_that_faults(key: str, error: int) -> None:
    """Without FEAT_FPAC the authentication itself raises nothing (D8.9)."""
    lone = PagedVcpu(descriptors={3: PAGE})
    lone.set("SCTLR_EL1", lone.get("SCTLR_EL1") | 1 << 31 | 1 << 30)
    autia_x1_x4, autib_x1_x4 = 0xDAC11081, 0xDAC11481
    lone.vcpu.engine.x[1] = TRIED | 0x10 << 48
    assert lone.execute(autia_x1_x4 if key == "A" else autib_x1_x4)
    assert lone.vcpu.engine.x[1] == TRIED | error
    assert not lone.execute(a64.LDR_X0_X1)
    assert (lone.esr().EC, lone.esr().ISS) == (DATA_EL1, TRANSLATION)
    assert lone.get("FAR_EL1") == TRIED | error


@pytest.mark.parametrize("el", [0, 1])
@pytest.mark.parametrize(
    ("word", "ec", "iss", "behind"),
    [
        (a64.svc(0x1234), 0x15, 0x1234, 4),
        (a64.brk(0x4321), 0x3C, 0x4321, 0),
        (a64.UDF, 0, 0, 0),
        (a64.smc(1), 0, 0, 0),
        (0xD4400000, 0, 0, 0),  # hlt #0
    ],
)
def test_instructions_that_raise(el: int, word: int, ec: int, iss: int, behind: int) -> None:
    lone = PagedVcpu(user_code=not el)
    pstate = at.EL1H if el else at.EL0T
    assert not lone.execute(word, pstate=pstate)
    assert (lone.esr().EC, lone.esr().ISS, int(lone.esr()) >> 25 & 1) == (ec, iss, 1)
    elr = lone.get("ELR_EL1")
    assert lone.ram.read(elr - behind, 4) == word.to_bytes(4, "little")
    assert lone.get("SPSR_EL1") == pstate
    assert lone.vcpu.engine.pstate == at.EL1H
    assert lone.vcpu.engine.pc == (at.SYNC_EL1H if el else at.SYNC_EL0)


@pytest.mark.parametrize("word", [a64.hvc(0), a64.ERET, a64.SPSEL_1, 0xD500419F])  # msr pan, #1
def test_what_el0_may_not_do_is_undefined(word: int) -> None:
    lone = PagedVcpu(user_code=True)
    assert not lone.execute(word, pstate=at.EL0T)
    assert (lone.esr().EC, lone.esr().ISS) == (0, 0)


@pytest.mark.parametrize("allowed", [True, False])
def test_wfi_of_el0_traps_if_it_may_not_wait(allowed: bool) -> None:
    """SCTLR_EL1.nTWI; CV 1, COND 0b1110, TI 0."""
    lone = PagedVcpu(user_code=True)
    lone.set("SCTLR_EL1", lone.get("SCTLR_EL1") & ~(1 << 16) | allowed << 16)
    assert lone.execute(a64.WFI, pstate=at.EL0T) == allowed
    if not allowed:
        assert (lone.esr().EC, lone.esr().ISS) == (0x01, 0x1E0_0000)


HINTS = [0xD503201F | number << 5 for number in range(128)]
PLAIN_HINTS = [word for word in HINTS if word != a64.WFI]


def test_every_hint_but_wfi_is_carried_out_at_once() -> None:
    """Also those of features that are not there (DDI 0487 K.a, C4.1.94)."""
    for model in (CORTEX_A72, None):
        lone = PagedVcpu() if model is None else PagedVcpu(model=model)
        for word, pstate in product(PLAIN_HINTS, (at.EL1H,)):
            assert lone.execute(word, pstate=pstate), hex(word)


MSR_IMMEDIATE = {
    (0, 3): "UAO",
    (0, 4): "PAN",
    (0, 5): "SPSel",
    (3, 1): "SSBS",
    (3, 2): "DIT",
    (3, 6): "DAIFSet",
    (3, 7): "DAIFClr",
}
FLAG_INSTRUCTIONS = {(0, 0), (0, 1), (0, 2)}  # CFINV, XAFLAG, AXFLAG


@pytest.mark.parametrize("promised", [True, False])
def test_every_msr_immediate_is_what_the_id_registers_say(promised: bool) -> None:
    """op1 and op2 tell which; all others are UNDEFINED."""
    id_registers = (
        {"ID_AA64PFR0_EL1": 0x0001_0000_0111_0011, "ID_AA64PFR1_EL1": 0x21}
        if promised
        else {"ID_AA64MMFR1_EL1": 0, "ID_AA64MMFR2_EL1": 0, "ID_AA64ISAR0_EL1": 0}
    )
    there = {(0, 5), (3, 6), (3, 7)}
    if promised:
        there = {*MSR_IMMEDIATE, *FLAG_INSTRUCTIONS}
    lone = PagedVcpu(id_registers=id_registers)
    for op1, op2 in product(range(8), range(8)):
        word = 0xD500401F | op1 << 16 | op2 << 5
        ran = lone.execute(word)
        assert ran == ((op1, op2) in there), (op1, op2)
        if not ran:
            assert ESR_EL1(int(lone.esr())).EC == 0
