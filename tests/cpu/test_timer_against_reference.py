"""The generic timers of several vCPUs beside naive ones that are asked at every cycle.

Registers are written at chosen cycles; in between time passes as the machine lets it pass, from
deadline to deadline. Every line must move at the cycle at which the naive timer's output does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.core.clock import VirtualClock
from emu.cpu import timer as model
from emu.cpu.timer import GenericTimer
from harness.reference.timer import WRAP, ReferenceTimer
from tests.cpu.lone_vcpu import Line

HORIZON_CYCLES = 400
TIMERS = ("CNTV", "CNTP")
NAMES = {"CTL": "{}_CTL_EL0", "CVAL": "{}_CVAL_EL0", "TVAL": "{}_TVAL_EL0"}


@dataclass(frozen=True)
class Write:
    """A register write by one vCPU, at a cycle."""

    cycle: int
    vcpu: int
    timer: str
    register: str
    value: int


class Pair:
    """A vCPU's generic timer, and two naive ones."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.lines = {"CNTV": Line(), "CNTP": Line()}
        self.fired: list[str] = []
        self.timer = GenericTimer(
            clock=clock,
            virtual_line=self.lines["CNTV"],
            physical_line=self.lines["CNTP"],
            on_change=lambda: None,
            on_fire=self.fired.append,
        )
        self.reference = {"CNTV": ReferenceTimer(), "CNTP": ReferenceTimer()}

    def write(self, write: Write) -> None:
        """Do it to both. The physical timer has no offset."""
        counter = self.clock.count()
        if write.register == "OFFSET":
            self.timer.write("CNTVOFF_EL2", write.value)
            self.reference["CNTV"].write("OFFSET", write.value, counter)
        else:
            self.timer.write(NAMES[write.register].format(write.timer), write.value)
            self.reference[write.timer].write(write.register, write.value, counter)

    def check(self) -> None:
        """Lines and registers agree, now."""
        counter = self.clock.count()
        for name, reference in self.reference.items():
            assert self.lines[name].high == reference.output(counter)
            for register, pattern in NAMES.items():
                found = self.timer.read(pattern.format(name))
                assert found == reference.read(register, counter), register


def run(cycles_per_tick: int, start_cycles: int, vcpu_count: int, writes: list[Write]) -> None:
    """Let the horizon pass, and compare at every cycle."""
    clock = VirtualClock(cycles_per_tick=cycles_per_tick, start_cycles=start_cycles)
    pairs = [Pair(clock) for _ in range(vcpu_count)]
    left = sorted(writes, key=lambda write: write.cycle)
    for cycle in range(HORIZON_CYCLES):
        while left and left[0].cycle == cycle:
            write = left.pop(0)
            pairs[write.vcpu % vcpu_count].write(write)
        due = [pair.timer.cycles_to_change() for pair in pairs]
        before = [outputs(pair) for pair in pairs]
        for pair in pairs:
            pair.check()
        clock.advance(1)
        for pair, cycles, levels in zip(pairs, due, before, strict=True):
            # The machine looks at the lines only when a change is due.
            if cycles == 1:
                pair.timer.update()
                assert outputs(pair) != levels
            elif cycles is not None:
                assert pair.timer.cycles_to_change() == cycles - 1


def outputs(pair: Pair) -> dict[str, bool]:
    """The levels of a vCPU's two lines."""
    return {name: line.high for name, line in pair.lines.items()}


near = st.integers(0, 90)
values = st.one_of(
    near,
    st.integers(WRAP - 60, WRAP - 1),
    st.integers(2**32 - 60, 2**32 - 1),
    st.sampled_from((0, 1, 2**31, 2**31 - 1, 2**63, WRAP - 1)),
)
write_lists = st.lists(
    st.builds(
        Write,
        cycle=st.integers(0, HORIZON_CYCLES - 1),
        vcpu=st.integers(0, 2),
        timer=st.sampled_from(TIMERS),
        register=st.sampled_from(("CTL", "CTL", "CVAL", "TVAL", "OFFSET")),
        value=values,
    ),
    max_size=12,
)
starts = st.one_of(st.integers(0, 100), st.integers(0, WRAP - HORIZON_CYCLES))


@given(
    cycles_per_tick=st.integers(1, 9),
    start_cycles=starts,
    vcpu_count=st.integers(1, 3),
    writes=write_lists,
)
def test_lines_and_registers_agree_at_every_cycle(
    cycles_per_tick: int, start_cycles: int, vcpu_count: int, writes: list[Write]
) -> None:
    """Also where a count wraps, and whatever another vCPU writes to its own."""
    run(cycles_per_tick, start_cycles, vcpu_count, writes)


# --- what it would find -----------------------------------------------------------------------

_Timer = model._Timer


def equal_is_not_reached(timer: Any) -> bool:
    return bool(timer._ctl & 1) and timer._count() > timer._cval


def signed_comparison(timer: Any) -> bool:
    distance = (timer._count() - timer._cval) % WRAP
    return bool(timer._ctl & 1) and distance < 2**63


def a_disabled_timer_has_a_status(timer: Any) -> bool:
    return bool(timer._count() >= timer._cval)


def the_mask_clears_the_status(timer: Any) -> bool:
    return bool(timer._ctl & 3 == 1 and timer._count() >= timer._cval)


def unsigned_tval(timer: Any, value: int) -> None:
    timer._cval = (timer._count() + value % 2**32) % WRAP


def tval_of_64_bits(timer: Any) -> int:
    return int(timer._cval - timer._count()) % WRAP


def the_deadline_is_a_tick_late(timer: Any) -> int | None:
    if timer._ctl & 3 != 1 or timer.condition():
        return None
    return int(timer._cval - timer._count()) + 1


def no_fall_at_a_wrap(_timer: Any) -> None:
    return None


def whole_ticks_from_now(clock: VirtualClock, ticks: int) -> int:
    return ticks * clock.cycles_per_tick


def the_offset_is_added(timer: GenericTimer) -> int:
    return (timer._clock.count() + timer._cntvoff) % WRAP


FAULTS: tuple[tuple[type, str, Callable[..., Any]], ...] = (
    (_Timer, "condition", equal_is_not_reached),
    (_Timer, "condition", signed_comparison),
    (_Timer, "condition", a_disabled_timer_has_a_status),
    (_Timer, "condition", the_mask_clears_the_status),
    (_Timer, "write_tval", unsigned_tval),
    (_Timer, "read_tval", tval_of_64_bits),
    (_Timer, "ticks_to_rise", the_deadline_is_a_tick_late),
    (_Timer, "ticks_to_fall", no_fall_at_a_wrap),
    (VirtualClock, "cycles_until", whole_ticks_from_now),
    (GenericTimer, "virtual_count", the_offset_is_added),
)


def random_runs() -> None:
    """The same runs every time, in which timers fire and wrap."""
    for seed in range(50):
        random_run(Random(seed))


def random_run(random: Random) -> None:

    def value(register: str) -> int:
        if register == "CTL":
            return random.choice((0, 1, 1, 1, 3))
        around = random.randrange(-60, 60)
        return around % 2**32 if register == "TVAL" else around % WRAP

    writes = []
    for _ in range(8):
        register = random.choice(("CTL", "CTL", "CVAL", "TVAL", "OFFSET"))
        cycle = random.randrange(HORIZON_CYCLES // 2)
        writes.append(Write(cycle, 0, random.choice(TIMERS), register, value(register)))
    run(random.randrange(1, 5), random.randrange(100), 1, writes)


@pytest.mark.parametrize(
    ("owner", "name", "broken"), FAULTS, ids=lambda v: getattr(v, "__name__", v)
)
def test_the_comparison_finds_a_fault(
    owner: type, name: str, broken: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(AssertionError):
        random_runs()


def test_without_a_fault_the_same_runs_find_nothing() -> None:
    random_runs()
