"""Schedules: which vCPU they choose, and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.boards.squib import SQUIB
from emu.core.ram import Ram
from emu.errors import ScheduleError
from emu.machine import Explicit, Machine, RoundRobin, Schedule, Shuffled, Turn
from emu.machine.turns import GRACE_INSTRUCTIONS, PATIENCE, Turns

RUNNABLE = st.lists(st.integers(0, 31), min_size=1, unique=True).map(sorted)
ALL = [0, 1, 2]


def turns_of(schedule: Schedule, count: int) -> list[Turn]:
    """The first turns when all of three vCPUs can always run."""
    turns = Turns(schedule, 3)
    taken: list[Turn] = []
    while len(taken) < count:
        taken.append(turns.current(ALL))
        turns.spend(taken[-1].instructions)
    return taken


# --- round robin --------------------------------------------------------------------------------


def test_round_robin_gives_each_vcpu_its_quantum_in_order() -> None:
    assert turns_of(RoundRobin(7), 4) == [Turn(0, 7), Turn(1, 7), Turn(2, 7), Turn(0, 7)]


@given(runnable=RUNNABLE, last=st.integers(0, 31))
def test_round_robin_passes_nobody_over(runnable: list[int], last: int) -> None:
    """The next one is the first at or after the last one's successor, counting round."""
    found = RoundRobin(1).turn(0, runnable, last).vcpu
    assert found == min(runnable, key=lambda vcpu: (vcpu - last - 1) % 32)


# --- shuffled -----------------------------------------------------------------------------------


@given(seed=st.integers(), number=st.integers(0, 10**9), runnable=RUNNABLE)
def test_a_shuffled_turn_is_a_function_of_seed_and_number(
    seed: int, number: int, runnable: list[int]
) -> None:
    turn = Shuffled(seed, 50).turn(number, runnable, None)
    assert turn == Shuffled(seed, 50).turn(number, runnable, 3)
    assert turn.vcpu in runnable
    assert 1 <= turn.instructions <= 50


def test_a_shuffled_schedule_is_the_same_everywhere() -> None:
    assert turns_of(Shuffled(1, 100), 4) == [Turn(0, 28), Turn(1, 87), Turn(1, 9), Turn(0, 24)]


def test_shuffled_schedules_reach_every_vcpu_and_quantum() -> None:
    taken = turns_of(Shuffled(0, 4), 200)
    assert set(taken) == {Turn(vcpu, quantum) for vcpu in ALL for quantum in (1, 2, 3, 4)}


# --- explicit -----------------------------------------------------------------------------------


def test_an_explicit_schedule_is_followed_to_the_letter_and_then_the_other_one() -> None:
    listed = (Turn(2, 1), Turn(2, 5), Turn(0, 3))
    assert turns_of(Explicit(listed, then=RoundRobin(9)), 5) == [*listed, Turn(1, 9), Turn(2, 9)]


def test_an_explicit_turn_of_a_vcpu_that_waits_is_passed_over() -> None:
    turns = Turns(Explicit((Turn(1, 5), Turn(0, 2))), 2)
    assert turns.current([0]) == Turn(0, 2)


# --- turns --------------------------------------------------------------------------------------


def test_a_turn_goes_on_until_it_is_spent() -> None:
    turns = Turns(RoundRobin(10), 3)
    turns.current(ALL)
    turns.spend(4)
    assert turns.current(ALL) == Turn(0, 6)
    turns.spend(6)
    assert turns.current(ALL) == Turn(1, 10)


def test_a_turn_that_is_given_up_is_over() -> None:
    turns = Turns(RoundRobin(10), 3)
    turns.current(ALL)
    turns.give_up()
    assert turns.current(ALL) == Turn(1, 10)


def test_a_restart_begins_with_the_first_turn() -> None:
    turns = Turns(Shuffled(5, 9), 3)
    first = turns.current(ALL)
    turns.give_up()
    turns.current(ALL)
    turns.restart()
    assert turns.current(ALL) == first


def test_a_vcpu_that_is_cut_off_again_and_again_gets_one_long_turn() -> None:
    turns = Turns(RoundRobin(1), 2)
    for _ in range(PATIENCE):
        assert turns.current([0]) == Turn(0, 1)
        turns.spend(1)
        turns.cut_off(0)
    assert turns.current([0]) == Turn(0, GRACE_INSTRUCTIONS)
    turns.give_up()
    assert turns.current([0]) == Turn(0, 1)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("instructions", [0, -3])
def test_a_turn_has_an_instruction_at_least(instructions: int) -> None:
    with pytest.raises(ScheduleError, match=f"a quantum has {instructions} instructions"):
        RoundRobin(instructions)
    with pytest.raises(ScheduleError, match=f"longest quantum has {instructions} instructions"):
        Shuffled(0, instructions)
    with pytest.raises(ScheduleError, match=f"turn 1, of vCPU 0, has {instructions} instructions"):
        Explicit((Turn(0, 1), Turn(0, instructions)))


@pytest.mark.parametrize(
    "schedule",
    [Explicit((Turn(0, 1), Turn(2, 1))), Explicit((), then=Explicit((Turn(0, 1), Turn(2, 1))))],
    ids=["listed", "in what follows"],
)
def test_a_schedule_of_vcpus_that_there_are_not_is_refused_before_anything_starts(
    schedule: Schedule,
) -> None:
    ram = Ram(SQUIB.dram_base, 8 << 20)
    with pytest.raises(ScheduleError, match=r"turn 1 .* vCPU 2; the machine has vCPUs 0 to 1"):
        Machine(SQUIB, ram=ram, vcpu_count=2, schedule=schedule)


class Stubborn:
    """A schedule of a user that runs a vCPU whether it can or not."""

    def turn(self, _number: int, _runnable: object, _last: object) -> Turn:
        return Turn(1, 5)

    def check(self, vcpu_count: int) -> None:
        """It looks at nothing."""


def test_a_turn_of_a_vcpu_that_can_not_run_is_an_error() -> None:
    with pytest.raises(ScheduleError, match=r"turn 0 .* gives vCPU 1 5 instructions; .*: \[0\]"):
        Turns(Stubborn(), 2).current([0])
