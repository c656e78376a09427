"""The real-time clock is that of the crate `vm-superio`, which takes its time from the host."""

from __future__ import annotations

from dataclasses import asdict

from hypothesis import assume, given
from hypothesis import strategies as st

from emu.arch.pl031 import PL031
from emu.devices.pl031 import Pl031State
from tests.devices.pl031_bench import Bench, states
from tests.oracle.client import Oracle
from tests.oracle.definition import Json


def actions() -> st.SearchStrategy[Json]:
    """Aligned accesses of four bytes, of registers more often than of nothing."""
    registers = st.sampled_from([slot.offset for slot in PL031.slots])
    offsets = registers | st.integers(0, 0x3FF).map(lambda word: 4 * word)
    values = st.integers(0, 0xFFFF_FFFF) | st.integers(0, 3)
    return st.one_of(
        offsets.map(lambda offset: {"read": offset}),
        st.tuples(offsets, values).map(lambda write: {"write": [*write]}),
    )


def perform(bench: Bench, action: Json) -> int:
    match action:
        case {"read": offset}:
            return bench.rtc.read(offset, 4)
        case {"write": [offset, value]}:
            bench.rtc.write(offset, 4, value)
    return 0


@given(state=st.just(Pl031State()) | states(), taken=st.lists(actions(), max_size=60))
def test_it_behaves_as_the_crate_does(oracle: Oracle, state: Pl031State, taken: list[Json]) -> None:
    theirs = oracle.rtc(asdict(state), taken)
    assume(theirs["began_s"] == theirs["ended_s"])
    bench = Bench(theirs["began_s"])
    bench.rtc.load_state(state)
    assert [perform(bench, action) for action in taken] == theirs["values"]
    assert asdict(bench.rtc.state()) == theirs["state"]
