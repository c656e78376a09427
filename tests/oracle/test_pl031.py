"""The real-time clock is that of the crate `vm-superio`, which takes its time from the host."""

from __future__ import annotations

from dataclasses import asdict
from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from emu.arch.pl031 import PL031
from emu.devices.pl031 import Pl031State
from tests.devices.pl031_bench import Bench, states
from tests.oracle.client import Oracle
from tests.oracle.definition import Json

ACTIONS = 200
"""So many of one clock: each finds it as the others left it."""

REGISTERS = [slot.offset for slot in PL031.slots]


def action(random: Random) -> Json:
    """An aligned access of four bytes, to a register more often than to nothing."""
    offset = random.choice([*REGISTERS, 4 * random.randrange(0x400)])
    value = random.choice([random.randrange(4), random.randrange(1 << 32)])
    return random.choice([{"read": offset}, {"write": [offset, value]}])


def perform(bench: Bench, taken: Json) -> int:
    match taken:
        case {"read": offset}:
            return bench.rtc.read(offset, 4)
        case {"write": [offset, value]}:
            bench.rtc.write(offset, 4, value)
    return 0


@given(state=st.just(Pl031State()) | states(), seed=st.integers(0, 1 << 32))
def test_it_behaves_as_the_crate_does(oracle: Oracle, state: Pl031State, seed: int) -> None:
    random = Random(seed)
    actions = [action(random) for _ in range(ACTIONS)]
    theirs = oracle.rtc(asdict(state), actions)
    assume(theirs["began_s"] == theirs["ended_s"])
    bench = Bench(theirs["began_s"])
    bench.rtc.load_state(state)
    ours = [perform(bench, taken) for taken in actions]
    assert list(zip(actions, ours, strict=True)) == [*zip(actions, theirs["values"], strict=True)]
    assert asdict(bench.rtc.state()) == theirs["state"]
