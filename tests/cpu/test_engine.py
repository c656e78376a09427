"""The engine: limits, stops, devices, and what callbacks raise."""

from __future__ import annotations

from typing import NoReturn

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from emu.cpu.engine import RegisterModel
from tests import a64
from tests.cpu import bench as at
from tests.cpu.bench import Bench

SPARE = (3, 0, 15, 15, 7)
"""An implementation-defined register that the core does not use."""


class BrokenError(Exception):
    """What a callback raises here."""


def fail(*_: object) -> NoReturn:
    raise BrokenError


class BrokenDevice:
    """A device that raises something at each access: the first of `errors`, and on."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)

    def read(self, _offset: int, _size: int, /) -> int:
        raise self.errors.pop(0)

    def write(self, _offset: int, _size: int, _value: int, /) -> None:
        raise self.errors.pop(0)


# --- limits and stops ---------------------------------------------------------------------------


@given(limits=st.lists(st.integers(1, 700), min_size=1, max_size=6))
@example(limits=[1] * 20)
def test_a_run_executes_exactly_its_limit(limits: list[int]) -> None:
    bench = Bench(a64.ADD_X0_1, a64.B_BACK)
    for limit in limits:
        assert bench.engine.run(limit) == limit
        assert bench.engine.executed() == limit
    executed = sum(limits)
    assert bench.engine.x[0] == (executed + 1) // 2
    assert bench.engine.pc == at.CODE + 4 * (executed % 2)


@pytest.mark.parametrize("word", [a64.STR_W2_X1, a64.STR_X2_X1, a64.LDR_X0_X1, a64.LDP_W3_W4_X1])
def test_stop_from_a_device_ends_the_run_exactly_behind_the_access(word: int) -> None:
    """The access is neither repeated nor cut in half, and the instruction counts."""
    bench = Bench(a64.NOP, a64.NOP, word, a64.NOP)
    device = bench.map_device()
    bench.engine.map_mmio(at.DEVICE + 0x1000, 0x1000, Stopper(bench))
    bench.engine.x[1] = at.DEVICE + 0x1000
    assert bench.engine.run(100) == 3
    assert bench.engine.pc == at.CODE + 12
    assert device.accesses == []
    assert bench.engine.run(5) == 5


class Stopper:
    """A device that ends the run."""

    def __init__(self, bench: Bench) -> None:
        self.stop = bench.engine.stop

    def read(self, _offset: int, _size: int, /) -> int:
        self.stop()
        return 0

    def write(self, _offset: int, _size: int, _value: int, /) -> None:
        self.stop()


def test_stop_from_a_system_register_and_from_hvc() -> None:
    bench = Bench(a64.msr(SPARE, 0), a64.NOP, a64.hvc(), a64.NOP)
    bench.engine.define(
        "SPARE", SPARE, RegisterModel(read=int, write=lambda _: bench.engine.stop())
    )
    bench.engine.on_hvc = bench.engine.stop
    assert (bench.engine.run(100), bench.engine.pc) == (1, at.CODE + 4)
    assert (bench.engine.run(100), bench.engine.pc) == (2, at.CODE + 12)


def test_stop_outside_a_run_does_nothing() -> None:
    bench = Bench()
    bench.engine.stop()
    assert bench.engine.run(7) == 7


# --- devices ------------------------------------------------------------------------------------


def test_a_device_is_accessed_in_the_instruction_that_does_it() -> None:
    """`executed` counts that instruction; 64-bit accesses come as two of 32 bits, low first."""
    bench = Bench(
        a64.NOP, a64.STR_W2_X1, a64.STRB_W2_X1, a64.STR_X2_X1, a64.LDR_X0_X1, a64.LDP_W3_W4_X1
    )
    device = bench.map_device()
    device.value = 0x5566_7788
    bench.engine.x[2] = 0x1122_3344_AABB_CCDD
    bench.engine.run(10)
    assert device.accesses == [
        ("write", 0, 4, 0xAABB_CCDD, 2),
        ("write", 0, 1, 0xDD, 3),
        ("write", 0, 4, 0xAABB_CCDD, 4),
        ("write", 4, 4, 0x1122_3344, 4),
        ("read", 0, 4, 0x5566_7788, 5),
        ("read", 4, 4, 0x5566_7788, 5),
        ("read", 0, 4, 0x5566_7788, 6),
        ("read", 4, 4, 0x5566_7788, 6),
    ]
    assert bench.engine.x[0] == 0x5566_7788_5566_7788
    assert list(bench.engine.x[3:5]) == [0x5566_7788] * 2


# --- what callbacks raise -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [a64.LDR_W0_X1, a64.STR_W2_X1, a64.mrs(0, SPARE), a64.msr(SPARE, 0), a64.hvc()],
    ids=hex,
)
def test_what_a_callback_raises_comes_out_of_run(word: int) -> None:
    """With its own type; the instruction counts, and the core can go on."""
    bench = Bench(a64.NOP, word, a64.NOP)
    bench.map_device(BrokenDevice(BrokenError()))
    bench.engine.define("SPARE", SPARE, RegisterModel(read=fail, write=fail))
    bench.engine.on_hvc = fail
    with pytest.raises(BrokenError):
        bench.engine.run(10)
    assert (bench.engine.executed(), bench.engine.pc) == (2, at.CODE + 8)
    assert bench.engine.run(3) == 3


def test_what_an_exception_listener_raises_comes_out_of_run() -> None:
    bench = Bench(a64.svc(0))
    bench.engine.on_exception = fail
    with pytest.raises(BrokenError):
        bench.engine.run(10)
    assert bench.engine.pc == at.SYNC_EL1H


def test_the_first_of_two_failures_is_the_one_raised() -> None:
    bench = Bench(a64.LDP_W3_W4_X1)
    bench.map_device(BrokenDevice(KeyboardInterrupt(), BrokenError()))
    with pytest.raises(KeyboardInterrupt):
        bench.engine.run(10)
