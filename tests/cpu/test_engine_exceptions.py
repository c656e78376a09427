"""Exceptions, interrupts and WFI, as the engine carries them out."""

from __future__ import annotations

import pytest

from emu.arch.layouts import ESR_EL1
from emu.cpu.engine import RegisterModel
from emu.errors import GuestError
from tests import a64
from tests.cpu import bench as at
from tests.cpu.bench import Bench

RNDR = (3, 3, 2, 4, 0)
UNKNOWN = 1 << 25
"""ESR_EL1 of an UNDEFINED instruction: EC 0, IL 1."""

FETCH_ABORT_EL1, ABORT_EL1 = 0x21, 0x25
FAULT_LEVEL_1 = 0b000101
ISS_WRITE = 1 << 6


# --- exceptions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "esr", "return_offset"),
    [
        pytest.param(a64.svc(5), 0x15 << 26 | UNKNOWN | 5, 8, id="SVC"),
        pytest.param(a64.brk(7), 0x3C << 26 | UNKNOWN | 7, 4, id="BRK"),
        pytest.param(a64.UDF, UNKNOWN, 4, id="UDF"),
        pytest.param(a64.smc(2), UNKNOWN, 4, id="SMC"),
        pytest.param(a64.hvc(1), UNKNOWN, 4, id="HVC that nobody handles"),
        pytest.param(a64.PTRUE_P0, UNKNOWN, 4, id="SVE"),
        pytest.param(a64.mrs(0, (3, 4, 5, 2, 0)), UNKNOWN, 4, id="a register of EL2"),
        pytest.param(a64.mrs(0, (3, 0, 11, 5, 3)), UNKNOWN, 4, id="a register that is none"),
    ],
)
def test_exception_entry_and_return(word: int, esr: int, return_offset: int) -> None:
    """Syndrome, return address and saved PSTATE are right; ERET goes back."""
    flags = 0x6000_0000
    bench = Bench(a64.NOP, word, a64.NOP, pstate=at.IRQ_OPEN | flags)
    bench.put(at.SYNC_EL1H, a64.ERET)
    return_address = at.CODE + return_offset
    assert bench.engine.run(2) == 2
    assert bench.engine.pc == at.SYNC_EL1H
    assert bench.exceptions == [(esr, return_address)]
    assert bench.get("ESR_EL1") == esr
    assert bench.get("ELR_EL1") == return_address
    assert bench.get("SPSR_EL1") == at.IRQ_OPEN | flags
    assert bench.engine.pstate & 0x3FF == at.EL1H
    bench.engine.run(1)
    assert (bench.engine.pc, bench.engine.pstate) == (return_address, at.IRQ_OPEN | flags)


def test_sve_stays_undefined_when_the_guest_enables_it() -> None:
    bench = Bench(a64.PTRUE_P0)
    bench.set("CPACR_EL1", 3 << 20 | 3 << 16)
    bench.engine.run(1)
    assert bench.exceptions == [(UNKNOWN, at.CODE)]


def test_a_register_can_be_taken_away_from_the_guest() -> None:
    """RNDR would read the host's entropy."""
    bench = Bench(a64.mrs(0, RNDR))
    bench.engine.define("RNDR", RNDR, RegisterModel())
    bench.engine.run(1)
    assert (bench.exceptions, bench.engine.x[0]) == ([(UNKNOWN, at.CODE)], 0)


@pytest.mark.parametrize(("word", "iss"), [(a64.LDR_W0_X1, 0), (a64.STR_W2_X1, ISS_WRITE)])
def test_a_data_abort_names_the_address_and_the_fault(word: int, iss: int) -> None:
    bench = Bench(a64.NOP, word)
    bench.enable_mmu()
    bench.engine.x[1] = at.NOWHERE
    assert bench.engine.run(3) == 3
    [(esr, elr)] = bench.exceptions
    syndrome = ESR_EL1(esr)
    assert (ABORT_EL1, iss | FAULT_LEVEL_1) == (syndrome.EC, syndrome.ISS & (ISS_WRITE | 0x3F))
    assert (elr, bench.get("FAR_EL1")) == (at.CODE + 4, at.NOWHERE)
    assert bench.engine.pc == at.SYNC_EL1H + 4


@pytest.mark.parametrize("slice_size", [1, 2, 100])
def test_a_fetch_that_aborts_counts_as_an_instruction(slice_size: int) -> None:
    """So that runs of any length meet the exception at the same time."""
    bench = Bench(a64.NOP, a64.BR_X1)
    bench.enable_mmu()
    bench.engine.x[1] = at.NOWHERE
    times: list[int] = []
    executed = 0
    bench.engine.on_exception = lambda *_: times.append(executed + bench.engine.executed())
    while executed < 5:
        executed += bench.engine.run(min(slice_size, 5 - executed))
    assert (executed, times) == (5, [3])
    assert bench.engine.pc == at.SYNC_EL1H + 8
    assert bench.get("FAR_EL1") == bench.get("ELR_EL1") == at.NOWHERE


@pytest.mark.parametrize("slice_size", [1, 2, 100])
def test_a_guest_without_vectors_is_an_error(slice_size: int) -> None:
    """It would take exceptions for ever, and never execute an instruction again."""
    bench = Bench(a64.NOP, a64.UDF)
    bench.enable_mmu()
    bench.set("VBAR_EL1", at.NOWHERE)
    slices = (bench.engine.run(slice_size) for _ in range(100))
    with pytest.raises(GuestError, match=f"vector at {at.NOWHERE + 0x200:#x} can't be fetched"):
        sum(slices)
    assert [elr for _, elr in bench.exceptions] == [at.CODE + 4, at.NOWHERE + 0x200]


def test_an_exception_from_el0_goes_to_its_own_vector() -> None:
    bench = Bench(a64.svc(9), pstate=0)
    bench.engine.run(1)
    assert (bench.engine.pc, bench.get("SPSR_EL1")) == (at.SYNC_EL0, 0)
    assert bench.exceptions == [(0x15 << 26 | UNKNOWN | 9, at.CODE + 4)]


def test_a_breakpoint_of_a_loaded_state_is_hit() -> None:
    """Setting its registers as a monitor arms it, as the guest's own writes do."""
    bench = Bench(pstate=at.EL1H & ~0x200)
    bench.set("DBGBVR0_EL1", at.CODE + 8)
    bench.set("DBGBCR0_EL1", 0x1E7)  # any instruction of EL1 and EL0 there
    bench.set("MDSCR_EL1", 1 << 15 | 1 << 13)  # MDE, KDE
    bench.set("OSLSR_EL1", 8)  # unlocked
    bench.engine.run(3)
    [(esr, elr)] = bench.exceptions
    assert (ESR_EL1(esr).EC, elr) == (0x31, at.CODE + 8)


# --- interrupts and WFI -------------------------------------------------------------------------


def test_an_irq_is_taken_by_the_instruction_behind_the_one_that_unmasks_it() -> None:
    bench = Bench(a64.NOP, a64.OPEN_IRQ, a64.NOP)
    bench.put(at.IRQ_EL1H, a64.ADD_X0_1, a64.ERET)
    bench.engine.set_irq(True)
    assert (bench.engine.run(1), bench.engine.x[0]) == (1, 0)
    assert bench.engine.run(1) == 1
    assert (bench.engine.pc, bench.get("ELR_EL1")) == (at.IRQ_EL1H, at.CODE + 8)
    assert bench.get("SPSR_EL1") == at.IRQ_OPEN
    bench.engine.run(1)
    assert bench.engine.x[0] == 1
    assert bench.exceptions == []


def test_an_irq_that_is_dropped_before_it_is_unmasked_is_never_taken() -> None:
    bench = Bench(a64.NOP, a64.OPEN_IRQ, a64.NOP)
    bench.engine.set_irq(True)
    bench.engine.run(1)
    assert bench.engine.irq_asserted
    bench.engine.set_irq(False)
    assert not bench.engine.irq_asserted
    bench.engine.run(5)
    assert bench.engine.pc == at.CODE + 24


@pytest.mark.parametrize("slice_size", [1, 2, 100])
def test_an_irq_raised_by_a_store_is_taken_right_behind_it(slice_size: int) -> None:
    bench = Bench(a64.NOP, a64.STR_W2_X1, a64.NOP, a64.NOP, pstate=at.IRQ_OPEN)
    bench.map_device(Raiser(bench))
    executed = 0
    while executed < 4:
        executed += bench.engine.run(min(slice_size, 4 - executed))
    assert bench.get("ELR_EL1") == at.CODE + 8
    assert bench.engine.pc == at.IRQ_EL1H + 8


class Raiser:
    """A device whose writes raise the IRQ."""

    def __init__(self, bench: Bench) -> None:
        self.set_irq = bench.engine.set_irq

    def read(self, _offset: int, _size: int, /) -> int:
        return 0

    def write(self, _offset: int, _size: int, _value: int, /) -> None:
        self.set_irq(True)


@pytest.mark.parametrize("limit", [2, 3, 100])
def test_wfi_waits_with_nothing_to_wake_it(limit: int) -> None:
    """Also as the last instruction of a slice; the PC is behind it, and the next run goes on."""
    bench = Bench(a64.NOP, a64.WFI, a64.NOP)
    assert bench.engine.run(limit) == 2
    assert (bench.engine.waiting, bench.engine.pc) == (True, at.CODE + 8)
    assert (bench.engine.run(2), bench.engine.waiting) == (2, False)
    assert bench.engine.pc == at.CODE + 16


@pytest.mark.parametrize("limit", [2, 3])
def test_wfi_falls_through_with_an_irq_though_it_is_masked(limit: int) -> None:
    bench = Bench(a64.NOP, a64.WFI, a64.NOP)
    bench.engine.set_irq(True)
    assert bench.engine.run(limit) == limit
    assert (bench.engine.waiting, bench.engine.pc) == (False, at.CODE + 4 * limit)


# --- calls --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "conduit"), [(a64.hvc(0xBEEF), "hvc"), (a64.smc(0xBEEF), "smc")])
def test_a_call_is_handed_out_with_its_immediate(word: int, conduit: str) -> None:
    """The PC is behind it, it counts as an instruction, and no exception is taken."""
    bench = Bench(a64.NOP, word, a64.NOP)
    engine = bench.engine
    seen: list[tuple[int, int, int]] = []

    def called() -> None:
        seen.append((engine.pc, engine.executed(), engine.call_immediate))

    setattr(engine, f"on_{conduit}", called)
    assert engine.run(3) == 3
    assert seen == [(at.CODE + 8, 2, 0xBEEF)]
    assert (engine.pc, bench.exceptions) == (at.CODE + 12, [])


def test_a_call_can_wait_as_a_wfi_does() -> None:
    """The run ends behind the call; with the IRQ asserted, masked or not, the guest goes on."""
    bench = Bench(a64.hvc(), a64.NOP, a64.NOP)
    bench.engine.on_hvc = bench.engine.wait
    assert bench.engine.run(10) == 1
    assert (bench.engine.pc, bench.engine.waiting) == (at.CODE + 4, True)
    bench.engine.set_irq(True)
    assert bench.engine.run(2) == 2
    assert (bench.engine.pc, bench.engine.waiting) == (at.CODE + 12, False)
