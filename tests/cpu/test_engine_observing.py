"""What the engine shows to those who look: instructions, interrupt entries, addresses."""

from __future__ import annotations

from typing import NoReturn

import pytest

from emu.cpu.engine import layout
from emu.cpu.engine.interrupt_entry import InterruptEntry, is_fiq
from emu.errors import EngineError
from tests import a64
from tests.cpu import bench as at
from tests.cpu.bench import Bench

BAD_TABLE = 0x9000_0000


class BrokenError(Exception):
    """What a callback raises here."""


def fail(*_: object) -> NoReturn:
    raise BrokenError


# --- instructions -------------------------------------------------------------------------------


def watched(bench: Bench) -> list[tuple[int, int]]:
    """PC and count of each instruction from now on."""
    seen: list[tuple[int, int]] = []
    bench.engine.watch_instructions(lambda pc: seen.append((pc, bench.engine.executed())))
    return seen


def test_each_instruction_is_seen_once_with_the_count_that_it_is() -> None:
    """Behind an SVC, in what was translated before, and not the one that the limit keeps back."""
    bench = Bench(a64.ADD_X0_1, a64.svc(3), a64.NOP)
    bench.engine.run(1)
    seen = watched(bench)
    assert bench.engine.run(3) == 3
    assert seen == [(at.CODE + 4, 1), (at.SYNC_EL1H, 2), (at.SYNC_EL1H + 4, 3)]


def test_an_instruction_that_a_stop_keeps_back_is_not_seen() -> None:
    bench = Bench(a64.NOP, a64.hvc(), a64.NOP)
    bench.engine.on_hvc = bench.engine.stop
    seen = watched(bench)
    assert bench.engine.run(10) == 2
    assert [pc for pc, _ in seen] == [at.CODE, at.CODE + 4]


def test_nobody_is_told_when_the_watch_is_over() -> None:
    bench = Bench(a64.ADD_X0_1, a64.B_BACK)
    seen = watched(bench)
    bench.engine.run(4)
    bench.engine.watch_instructions(None)
    bench.engine.run(4)
    assert len(seen) == 4
    assert bench.engine.x[0] == 4


def test_watching_changes_no_count_and_no_register() -> None:
    """Beside a device that ends the run in the middle of a block."""
    ends = []
    for watch in (False, True):
        bench = Bench(a64.ADD_X0_1, a64.LDR_W0_X1, a64.ADD_X0_1, a64.svc(1), a64.B_BACK)
        device = bench.map_device()
        if watch:
            watched(bench)
        executed = [bench.engine.run(limit) for limit in (1, 2, 9, 30)]
        ends.append((executed, bench.engine.pc, list(bench.engine.x), device.accesses))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("word", [a64.LDR_W0_X1, a64.STR_W2_X1, a64.LDP_W3_W4_X1])
def test_an_access_to_nothing_is_seen_once_and_nothing_behind_it(word: int) -> None:
    """The core itself goes on a little before it takes the external abort."""
    bench = Bench(a64.NOP, word, a64.ADD_X0_1, a64.ADD_X0_1)
    bench.engine.x[1] = at.NOWHERE
    seen = watched(bench)
    assert bench.engine.run(4) == 4
    assert seen == [
        (at.CODE, 1),
        (at.CODE + 4, 2),
        (at.SYNC_EL1H, 3),
        (at.SYNC_EL1H + 4, 4),
    ]


def test_what_an_instruction_listener_raises_comes_out_of_run() -> None:
    bench = Bench(a64.NOP, a64.NOP)
    bench.engine.watch_instructions(fail)
    with pytest.raises(BrokenError):
        bench.engine.run(10)
    assert bench.engine.executed() == 1


# --- interrupts ---------------------------------------------------------------------------------


def told(bench: Bench) -> list[tuple[bool, int, int]]:
    """Kind, return address and count of each interrupt taken from now on."""
    seen: list[tuple[bool, int, int]] = []
    bench.engine.on_interrupt = lambda fiq, elr: seen.append((fiq, elr, bench.engine.executed()))
    return seen


def test_an_interrupt_is_told_when_it_is_taken_not_when_it_is_driven() -> None:
    """After the instruction that unmasks it, with that count."""
    bench = Bench(a64.NOP, a64.NOP, a64.OPEN_IRQ, a64.NOP)
    seen = told(bench)
    bench.engine.set_irq(True)
    assert bench.engine.run(2) == 2
    assert seen == []
    assert bench.engine.run(2) == 2
    assert seen == [(False, at.CODE + 12, 1)]
    assert bench.engine.pc == at.IRQ_EL1H + 4


def test_a_synchronous_exception_is_no_interrupt() -> None:
    bench = Bench(a64.svc(1))
    seen = told(bench)
    bench.engine.run(3)
    assert (seen, len(bench.exceptions)) == ([], 1)


def test_a_listener_that_stops_at_an_interrupt_adds_no_time() -> None:
    """The core has by then counted an instruction that it did not execute."""
    bench = Bench(a64.NOP, a64.STR_W2_X1, a64.NOP, pstate=at.IRQ_OPEN)
    bench.map_device(Raiser(bench))
    bench.engine.on_interrupt = lambda _fiq, _elr: bench.engine.stop()
    assert bench.engine.run(10) == 2
    assert bench.engine.pc == at.IRQ_EL1H
    assert bench.engine.run(3) == 3


class Raiser:
    """A device that raises an interrupt when it is written to."""

    def __init__(self, bench: Bench) -> None:
        self.engine = bench.engine

    def read(self, _offset: int, _size: int, /) -> int:
        return 0

    def write(self, _offset: int, _size: int, _value: int, /) -> None:
        self.engine.set_irq(True)


def test_what_an_interrupt_listener_raises_comes_out_of_run() -> None:
    bench = Bench(a64.NOP, pstate=at.IRQ_OPEN)
    bench.engine.on_interrupt = fail
    bench.engine.set_irq(True)
    with pytest.raises(BrokenError):
        bench.engine.run(10)
    assert bench.engine.pc == at.IRQ_EL1H


@pytest.mark.parametrize(
    ("offset", "fiq"), [(0x80, False), (0x100, True), (0x280, False), (0x300, True), (0x500, True)]
)
def test_the_vector_tells_an_irq_from_an_fiq(offset: int, fiq: bool) -> None:
    assert is_fiq(at.VECTORS + offset) is fiq


def test_a_class_that_is_not_as_expected_is_refused() -> None:
    uc = layout.new_unicorn()
    with pytest.raises(EngineError, match="looking for the CPU class"):
        InterruptEntry(layout.cpu_of(uc), None, fail)


# --- addresses ----------------------------------------------------------------------------------


def test_without_the_mmu_an_address_is_its_own_translation() -> None:
    assert Bench().engine.translate(0x1234_5678) == 0x1234_5678


def test_an_address_is_translated_as_a_load_would_be() -> None:
    bench = Bench()
    bench.enable_mmu()
    assert bench.engine.translate(at.RAM + 0x2_3458) == at.RAM + 0x2_3458
    assert bench.engine.translate(0x1000) is None
    assert bench.engine.translate(1 << 63) is None
    assert bench.engine.translate(0x0001_0000_4000_0000) is None
    bench.engine.pstate = at.EL0T
    assert bench.engine.translate(at.RAM) is None


def test_tables_that_are_nowhere_translate_nothing() -> None:
    """And raise no error, which the run to come would be given."""
    bench = Bench(a64.NOP)
    bench.enable_mmu()
    bench.engine.run(1)
    bench.set("TTBR0_EL1", BAD_TABLE)
    assert bench.engine.translate(at.RAM) is None
    bench.set("TTBR0_EL1", at.TABLE)
    assert bench.engine.run(5) == 5


def test_a_translation_leaves_the_fault_registers_alone() -> None:
    bench = Bench()
    bench.enable_mmu()
    bench.set("FAR_EL1", 0x1234)
    bench.engine.translate(0x1000)
    assert (bench.get("FAR_EL1"), bench.get("PAR_EL1")) == (0x1234, 0)
    assert bench.exceptions == []
