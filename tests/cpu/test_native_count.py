"""The function that counts instructions: its code, and that it makes no difference but in time."""

from __future__ import annotations

from typing import Any

import pytest
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc, x86_const

from emu.cpu.engine import native_count
from emu.cpu.engine.native_count import code_x86_64
from tests import a64
from tests.cpu import bench as at
from tests.cpu.bench import Bench

# --- the machine code, in an emulated x86-64 ------------------------------------------------------

CODE, STACK, UC, RETURN, STOP, LEAVE = (0x1_0000 * i for i in range(1, 7))
COUNTER, COUNT = 0x558, 0x560
STACK_POINTER = STACK + 0xF08
RET = b"\xc3"


def called(counter: int, count: int) -> Any:
    """The emulated CPU after a call with these values, stopped where it returned or left to."""
    uc: Any = Uc(UC_ARCH_X86, UC_MODE_64)
    for base in (CODE, STACK, UC, RETURN, STOP, LEAVE):
        uc.mem_map(base, 0x1000)
    uc.mem_write(CODE, code_x86_64(COUNTER, COUNT, STOP, LEAVE))
    uc.mem_write(STOP, RET)
    uc.mem_write(STACK_POINTER, RETURN.to_bytes(8, "little"))
    uc.mem_write(UC + COUNTER, counter.to_bytes(8, "little") + count.to_bytes(8, "little"))
    uc.reg_write(x86_const.UC_X86_REG_RDI, UC)
    uc.reg_write(x86_const.UC_X86_REG_RSI, 0x1234)
    uc.reg_write(x86_const.UC_X86_REG_RSP, STACK_POINTER)
    uc.ctl_exits_enabled(True)
    uc.ctl_set_exits([RETURN, LEAVE])
    uc.emu_start(CODE, 0)
    return uc


@pytest.mark.parametrize(("counter", "count"), [(0, 1), (612, 613), (0xFFFF_FFFF, 1 << 40)])
def test_it_counts_and_returns_up_to_the_limit(counter: int, count: int) -> None:
    uc = called(counter, count)
    assert uc.reg_read(x86_const.UC_X86_REG_RIP) == RETURN
    assert int.from_bytes(uc.mem_read(UC + COUNTER, 8), "little") == counter + 1


@pytest.mark.parametrize(("counter", "count"), [(1, 1), (613, 613), (1 << 40, 1 << 40), (5, 0)])
def test_beyond_it_stops_and_leaves_in_its_caller_s_place(counter: int, count: int) -> None:
    """What it leaves to sees the `uc_struct`, zero, and the return address into generated code."""
    uc = called(counter, count)
    assert uc.reg_read(x86_const.UC_X86_REG_RIP) == LEAVE
    assert uc.reg_read(x86_const.UC_X86_REG_RDI) == UC
    assert uc.reg_read(x86_const.UC_X86_REG_RSI) == 0
    assert uc.reg_read(x86_const.UC_X86_REG_RSP) == STACK_POINTER
    assert int.from_bytes(uc.mem_read(UC + COUNTER, 8), "little") == counter + 1


# --- on a core ------------------------------------------------------------------------------------

STR_POST = 0xF8010422  # str x2, [x1], #16
STP_PRE = 0xA9821023  # stp x3, x4, [x1, #32]!
ST1_POST = 0x4C9FA020  # st1 {v0.16b, v1.16b}, [x1], #32
DC_ZVA = 0xD50B7421  # dc zva, x1
LDR_X6_X5 = 0xF94000A6
STR_X6_X5 = 0xF90000A6

GUESTS = {
    "arithmetic": ([a64.ADD_X0_1, a64.MOV_X3_X0, a64.ADD_X0_1, a64.b(-3)], at.DATA),
    "loads and stores": ([a64.LDR_X0_X1, a64.ADD_X0_1, a64.STR_X2_X1, a64.b(-3)], at.DATA),
    "exceptions": ([a64.ADD_X0_1, a64.svc(3), a64.ADD_X0_1], at.DATA),
    "a device": ([LDR_X6_X5, a64.ADD_X0_1, STR_X6_X5, a64.ADD_X0_1, a64.b(-4)], at.DATA),
    **{
        f"{name} to nothing": ([a64.ADD_X0_1, word, a64.ADD_X0_1, a64.ADD_X0_1], at.NOWHERE)
        for name, word in {
            "str": STR_POST,
            "stp": STP_PRE,
            "st1": ST1_POST,
            "dc zva": DC_ZVA,
            "ldr": a64.LDR_X0_X1,
        }.items()
    },
}


def runs(name: str) -> list[object]:
    """What there is to see of a guest after each of some runs, cut at every length."""
    seen: list[object] = []
    for first in range(1, 8):
        code, x1 = GUESTS[name]
        bench = Bench(*code)
        device = bench.map_device()
        bench.engine.x[1], bench.engine.x[5] = x1, at.DEVICE
        for limit in (first, 1, 5):
            executed = bench.engine.run(limit)
            seen.append((executed, bench.engine.pc, list(bench.engine.x), list(device.accesses)))
        seen.append(list(bench.exceptions))
    return seen


@pytest.mark.parametrize("name", GUESTS)
def test_unicorn_s_own_counting_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = runs(name)
    monkeypatch.setattr(native_count, "_function", lambda: None)
    assert runs(name) == ours


def test_where_memory_can_t_be_made_executable_unicorn_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = native_count._function.__wrapped__
    monkeypatch.setattr(native_count, "_mprotect", lambda *_: -1)
    assert make() is None
