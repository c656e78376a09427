"""An access to a physical address where there is nothing is an external abort to the guest."""

from __future__ import annotations

import pytest

from emu.arch.layouts import ESR_EL1
from emu.errors import GuestError
from tests import a64
from tests.cpu import bench as at
from tests.cpu.bench import Bench

SYNCHRONOUS_EXTERNAL = 0x10
DATA_ABORT, DATA_ABORT_LOWER = 0x25, 0x24
INSTRUCTION_ABORT, INSTRUCTION_ABORT_LOWER = 0x21, 0x20

LOADS = {
    "ldr x0, [x1]": (0xF9400020, 0),
    "ldr x0, [x1, #8]!": (0xF8408C20, 8),
    "ldr x0, [x1], #8": (0xF8408420, 0),
    "ldur x0, [x1, #-5]": (0xF85FB020, -5),
    "ldp x3, x4, [x1, #-16]": (0xA97F1023, -16),
    "ldxr x3, [x1]": (0xC85F7C23, 0),
    "ldar x3, [x1]": (0xC8DFFC23, 0),
    "ldr q0, [x1, #16]": (0x3DC00420, 16),
    "ld1 {v0.16b, v1.16b}, [x1], #32": (0x4CDFA020, 0),
    "ldadd x3, x4, [x1]": (0xF8230024, 0),
    "cas x3, x4, [x1]": (0xC8A37C24, 0),
}
STORES = {
    "str x2, [x1], #16": (0xF8010422, 0),
    "strb w2, [x1, x5]": (0x38256822, 3),
    "str w2, [x1, w5, sxtw #2]": (0xB825D822, 12),
    "stp x3, x4, [x1, #32]!": (0xA9821023, 32),
    "st1 {v0.16b}, [x1]": (0x4C007020, 0),
    "dc zva, x1": (0xD50B7421, 0),
}
INSTRUCTIONS = {**LOADS, **STORES}


def bench_at(*code: int) -> Bench:
    """A core with X1 at nothing, and 3 in X5."""
    bench = Bench(*code)
    bench.engine.x[1], bench.engine.x[5] = at.NOWHERE, 3
    return bench


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_a_load_or_store_is_aborted_before_it_changed_anything(name: str) -> None:
    """With its syndrome and its address; its base register, say, is what it was."""
    word, offset = INSTRUCTIONS[name]
    bench = bench_at(a64.NOP, word)
    before = list(bench.engine.x)
    assert bench.engine.run(2) == 2
    assert (bench.engine.pc, list(bench.engine.x)) == (at.SYNC_EL1H, before)
    esr = ESR_EL1(bench.get("ESR_EL1"))
    assert (esr.EC, esr.IL) == (DATA_ABORT, 1)
    assert SYNCHRONOUS_EXTERNAL | (name in STORES) << 6 == esr.ISS
    assert bench.get("FAR_EL1") == at.NOWHERE + offset
    assert bench.get("ELR_EL1") == at.CODE + 4
    assert bench.exceptions == [(int(esr), at.CODE + 4)]


@pytest.mark.parametrize(
    ("address", "is_aborted"),
    [
        (0, True),
        (at.RAM - 8, True),
        (at.RAM, False),
        (at.RAM + at.RAM_SIZE_BYTES - 8, False),
        (at.RAM + at.RAM_SIZE_BYTES, True),
        ((1 << 48) - 8, True),
    ],
)
@pytest.mark.parametrize("word", [a64.LDR_X0_X1, a64.STR_X2_X1], ids=["load", "store"])
def test_where_ram_ends_there_is_nothing(word: int, address: int, is_aborted: bool) -> None:
    bench = Bench(word)
    bench.engine.x[1] = address
    bench.engine.run(1)
    assert (bench.engine.pc == at.SYNC_EL1H) == is_aborted


def test_a_fetch_is_aborted() -> None:
    bench = bench_at(a64.BR_X1)
    assert bench.engine.run(2) == 2
    esr = ESR_EL1(bench.get("ESR_EL1"))
    assert (esr.EC, esr.IL, esr.ISS) == (INSTRUCTION_ABORT, 1, SYNCHRONOUS_EXTERNAL)
    assert bench.get("FAR_EL1") == bench.get("ELR_EL1") == at.NOWHERE
    assert bench.engine.pc == at.SYNC_EL1H


@pytest.mark.parametrize(
    ("word", "exception_class"),
    [(a64.LDR_X0_X1, DATA_ABORT_LOWER), (a64.BR_X1, INSTRUCTION_ABORT_LOWER)],
    ids=["load", "fetch"],
)
def test_from_el0_the_class_says_so(word: int, exception_class: int) -> None:
    bench = bench_at(word)
    bench.engine.pstate = at.EL0T
    bench.engine.run(2)
    assert exception_class == ESR_EL1(bench.get("ESR_EL1")).EC
    assert at.SYNC_EL0 <= bench.engine.pc <= at.SYNC_EL0 + 4


def test_a_fetch_from_a_device_is_aborted_and_does_not_read_it() -> None:
    bench = Bench(a64.BR_X1)
    device = bench.map_device()
    bench.engine.run(2)
    assert ESR_EL1(bench.get("ESR_EL1")).EC == INSTRUCTION_ABORT
    assert device.accesses == []


@pytest.mark.parametrize("limits", [[5], [1] * 5, [2, 3], [4, 1]], ids=str)
@pytest.mark.parametrize("word", [a64.LDR_X0_X1, a64.STR_X2_X1, a64.BR_X1], ids=hex)
def test_an_abort_counts_as_one_instruction_however_the_run_is_cut(
    word: int, limits: list[int]
) -> None:
    bench = bench_at(a64.NOP, word)
    assert [bench.engine.run(limit) for limit in limits] == limits
    behind = 2 if word == a64.BR_X1 else 3
    assert bench.engine.pc == at.SYNC_EL1H + 4 * behind
    assert len(bench.exceptions) == 1


def test_a_listener_that_stops_at_the_abort_stops_before_its_handler() -> None:
    bench = bench_at(a64.NOP, a64.STR_X2_X1)
    bench.engine.on_exception = lambda _esr, _elr: bench.engine.stop()
    assert bench.engine.run(100) == 2
    assert bench.engine.pc == at.SYNC_EL1H


def test_the_handler_returns_and_the_guest_goes_on() -> None:
    """Behind the access, after the handler has moved ELR_EL1 on."""
    skip = (a64.mrs(9, "ELR_EL1"), 0x91001129, a64.msr("ELR_EL1", 9), a64.ERET)
    bench = bench_at(a64.LDR_X0_X1, a64.STR_X2_X1, a64.ADD_X0_1)
    bench.put(at.SYNC_EL1H, *skip)
    bench.engine.run(11)
    assert bench.engine.pc == at.CODE + 12
    assert bench.engine.x[0] == 1


def test_a_vector_where_there_is_nothing_ends_the_run_with_an_error() -> None:
    bench = bench_at(a64.BR_X1)
    bench.set("VBAR_EL1", at.NOWHERE)
    with pytest.raises(GuestError, match=rf"vector at {at.NOWHERE + 0x200:#x} can't be fetched"):
        bench.engine.run(100)


def test_under_the_mmu_the_address_is_the_virtual_one() -> None:
    """The GiB at 0 is mapped to where there is nothing."""
    bench = Bench(0xF9400420)  # ldr x0, [x1, #8]
    bench.ram.write(at.TABLE, (0x8000_0000 | 1 << 10 | 3 << 8 | 1).to_bytes(8, "little"))
    bench.enable_mmu()
    bench.engine.x[1] = 0x1234_5670
    bench.engine.run(1)
    assert bench.get("FAR_EL1") == 0x1234_5678
    assert ESR_EL1(bench.get("ESR_EL1")).ISS == SYNCHRONOUS_EXTERNAL
