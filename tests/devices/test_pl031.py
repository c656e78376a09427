"""The PL031's rules, register by register, and its state; `tests/oracle` compares all of it with
the crate that it models.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.pl031 import PL031
from emu.devices.pl031 import Pl031State
from emu.errors import IncompatibleError
from tests.devices.pl031_bench import NOW_S, Bench, states

READ_ONLY = ("DR", "RIS", "MIS", "ID")


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- registers -------------------------------------------------------------------------------


def test_values_of_a_clock_that_is_made(bench: Bench) -> None:
    names = ("DR", "MR", "LR", "CR", "IMSC", "RIS", "MIS", "ICR")
    assert [bench[name] for name in names] == [NOW_S, 0, 0, 1, 0, 0, 0, 0]


def test_identification_is_the_one_that_linux_looks_for(bench: Bench) -> None:
    """Its driver `rtc-pl031` matches part 0x031 of designer 0x41, and the bus PrimeCell's id."""
    found = [bench.rtc.read(PL031["ID"] + 4 * n, 4) for n in range(8)]
    peripheral, cell = (
        sum(byte << 8 * n for n, byte in enumerate(half)) for half in (found[:4], found[4:])
    )
    assert (peripheral & 0xF_FFFF, cell) == (0x41031, 0xB105_F00D)


def test_the_clock_follows_the_host(bench: Bench) -> None:
    bench.now_s += 5
    assert bench["DR"] == NOW_S + 5


@given(time_s=st.integers(0, 0xFFFF_FFFF))
def test_a_load_sets_the_clock_which_goes_on_from_there(time_s: int) -> None:
    """It does not wrap: beyond 32 bits it shows the host's time."""
    bench = Bench()
    bench["LR"] = time_s
    assert (bench["LR"], bench["DR"]) == (time_s, time_s)
    bench.now_s += 60
    expected = time_s + 60
    assert bench["DR"] == (expected if expected < 1 << 32 else bench.now_s)
    assert bench["LR"] == time_s


@pytest.mark.parametrize(("control", "shown"), [(1, NOW_S), (0, 7), (3, 7)])
def test_a_start_of_the_clock_is_a_reset(bench: Bench, control: int, shown: int) -> None:
    """Of LR and the offset, by a write of 1; the clock can't be stopped."""
    bench["LR"] = 7
    bench["CR"] = control
    assert (bench["DR"], bench["CR"]) == (shown, 1)
    assert bench["LR"] == (0 if shown == NOW_S else 7)


def test_a_match_does_not_interrupt(bench: Bench) -> None:
    bench["IMSC"] = 0xFFFF_FFFF
    bench["MR"] = NOW_S + 1
    bench.now_s += 1
    names = ("MR", "IMSC", "RIS", "MIS")
    assert [bench[name] for name in names] == [NOW_S + 1, 1, 0, 0]


def test_a_status_that_was_restored_is_masked_and_cleared(bench: Bench) -> None:
    bench.rtc.load_state(Pl031State(ris=0b111, imsc=1))
    assert (bench["RIS"], bench["MIS"]) == (0b111, 0b001)
    bench["ICR"] = 0b011
    assert (bench["RIS"], bench["MIS"]) == (0b100, 0)


@pytest.mark.parametrize("name", READ_ONLY)
def test_a_read_only_register_ignores_writes(bench: Bench, name: str) -> None:
    bench[name] = 0xFFFF_FFFF
    assert bench.rtc.state() == Pl031State()


@given(
    offset=st.integers(0, 7).map(lambda word: 4 * word) | st.integers(0, 0xFFF),
    size=st.sampled_from([1, 2, 4, 8]),
    value=st.integers(1, 0xFF),
)
def test_only_accesses_of_four_bytes_reach_a_register(offset: int, size: int, value: int) -> None:
    bench = Bench()
    if size == 4 and PL031.find(offset) is not None:
        return
    bench.rtc.write(offset, size, value)
    assert bench.rtc.read(offset, size) == 0
    assert bench.rtc.state() == Pl031State()


# --- state -----------------------------------------------------------------------------------


@given(states())
def test_capture_after_apply_is_the_identity(state: Pl031State) -> None:
    bench = Bench()
    bench.rtc.load_state(state)
    assert bench.rtc.state() == state


def test_states_do_not_change_with_the_device(bench: Bench) -> None:
    bench.rtc.load_state(applied := Pl031State(mr=7))
    captured = bench.rtc.state()
    bench["MR"] = 0
    assert captured == applied == Pl031State(mr=7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mr": 1 << 32}, "mr is 0x100000000, and RTCMR has 32 bits"),
        ({"ris": -1}, "ris is -0x1, and RTCRIS has 32 bits"),
        ({"offset": 1 << 63}, "offset is 9223372036854775808, and it has 64 bits"),
    ],
)
def test_a_state_that_no_clock_holds_is_refused_whole(
    bench: Bench, change: dict[str, Any], message: str
) -> None:
    before = bench.rtc.state()
    with pytest.raises(IncompatibleError, match=message):
        bench.rtc.load_state(replace(Pl031State(), **change))
    assert bench.rtc.state() == before
