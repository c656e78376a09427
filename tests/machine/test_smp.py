"""Several vCPUs: one virtual time, and a schedule that decides who runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.arch.sysregs import BY_NAME
from emu.boards.squib import SQUIB
from emu.core.events import ExceptionTaken, Stamped, WaitStarted
from emu.machine import (
    Explicit,
    Machine,
    MachineState,
    RoundRobin,
    Schedule,
    Shuffled,
    Stop,
    Turn,
    differences,
)
from harness.guests import boot_guest
from tests import a64
from tests.machine.timer_interrupts import open_gic, start_timer

Make = Callable[..., Machine]

BASE = SQUIB.kernel_base
DATA = BASE + 0x2_0000
SECOND = BASE + 0x400

INCREMENT = (
    0xC85FFC22,  # ldaxr x2, [x1]
    a64.ADD_X2_1,
    0xC803FC22,  # stlxr w3, x2, [x1]
    0x35FFFFA3,  # cbnz w3, .-12
    0xF1000400,  # subs x0, x0, #1
    0x54FFFF61,  # b.ne .-20
    a64.WFI,
)
"""X0 times, adds one to the word at X1."""


def counting(make: Make, schedule: Schedule, vcpu_count: int, times: int) -> Machine:
    machine = make(*INCREMENT, vcpu_count=vcpu_count, schedule=schedule)
    for vcpu in machine.vcpus:
        vcpu.engine.x[0], vcpu.engine.x[1] = times, DATA
    return machine


def state_after(limits: list[int], seed: int) -> MachineState:
    """The state of three vCPUs that signal each other, after runs of so many instructions."""
    with boot_guest("smp", vcpu_count=3, schedule=Shuffled(seed, 30)) as machine:
        for limit in limits:
            assert machine.run(max_instructions=limit) is Stop.LIMIT
        return machine.state()


def counted(machine: Machine) -> int:
    return int.from_bytes(machine.ram.read(DATA, 8), "little")


# --- turns --------------------------------------------------------------------------------------


def test_the_schedule_decides_who_executes_how_much(make: Make) -> None:
    turns = (Turn(1, 3), Turn(0, 1), Turn(1, 2))
    machine = make(vcpu_count=2, schedule=Explicit(turns))
    pcs = []
    for turn in turns:
        machine.run(max_instructions=turn.instructions)
        pcs.append(tuple((vcpu.engine.pc - BASE) // 4 for vcpu in machine.vcpus))
    assert pcs == [(0, 3), (1, 3), (1, 5)]


@settings(max_examples=6, deadline=None)
@given(cuts=st.lists(st.integers(1, 40), min_size=1, max_size=8), seed=st.integers(0, 99))
def test_where_a_run_is_cut_makes_no_difference(cuts: list[int], seed: int) -> None:
    """Not to the state, nor to whose turn it is then."""
    whole = state_after([5_000 + sum(cuts) + 500], seed)
    in_pieces = state_after([5_000, *cuts, 500], seed)
    assert list(differences(whole, in_pieces)) == []


def test_time_is_what_all_vcpus_together_have_executed(make: Make) -> None:
    machine = make(vcpu_count=3, schedule=RoundRobin(10))
    start = machine.clock.now()
    assert machine.run(max_instructions=95) is Stop.LIMIT
    assert machine.clock.now() - start == 95
    assert [(vcpu.engine.pc - BASE) // 4 for vcpu in machine.vcpus] == [35, 30, 30]


def test_a_vcpu_that_waits_is_passed_over(make: Make) -> None:
    machine = make(a64.WFI, vcpu_count=2, schedule=RoundRobin(10))
    machine.vcpus[1].engine.pc = SECOND
    waits: list[Stamped] = []
    machine.events.subscribe(waits.append)
    machine.run(max_instructions=101)
    assert [stamped.event for stamped in waits] == [WaitStarted(0)]
    assert machine.vcpus[1].engine.pc == SECOND + 4 * 100


def test_a_timer_of_one_vcpu_fires_while_another_runs(make: Make) -> None:
    """At its deadline, to the cycle; the vCPU that it is for goes on when its turn comes."""
    machine = make(a64.WFI, vcpu_count=2, schedule=RoundRobin(1000))
    machine.vcpus[1].engine.pc = SECOND
    start_timer(machine, 5)
    open_gic(machine, SQUIB.timers.virtual)
    machine.run(max_cycles=5 * SQUIB.cycles_per_tick - 1)
    assert not machine.vcpus[0].engine.irq_asserted
    machine.run(max_cycles=1)
    machine.run(max_cycles=1)
    assert machine.vcpus[0].engine.irq_asserted
    assert machine.vcpus[0].engine.pc == BASE + 4
    machine.run(max_instructions=1000)
    assert machine.vcpus[0].engine.pc > BASE + 4


# --- exclusives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("quantum", [1, 2, 3, 5, 7, 64])
@pytest.mark.parametrize("vcpu_count", [2, 5])
def test_exclusives_lose_nothing_and_come_to_an_end(
    make: Make, quantum: int, vcpu_count: int
) -> None:
    machine = counting(make, RoundRobin(quantum), vcpu_count, 40)
    assert machine.run(max_instructions=200_000) is Stop.IDLE
    assert counted(machine) == 40 * vcpu_count


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32), quantum_max=st.integers(1, 20))
def test_exclusives_are_right_in_any_order(make: Make, seed: int, quantum_max: int) -> None:
    machine = counting(make, Shuffled(seed, quantum_max), 3, 15)
    assert machine.run(max_instructions=100_000) is Stop.IDLE
    assert counted(machine) == 3 * 15


def test_the_end_of_a_turn_clears_the_exclusive_monitor(make: Make) -> None:
    """Also if memory holds the same value again (ABA), which the core alone would not see."""
    load, store = a64.LDXR_X3_X1, a64.STXR_W4_X3_X1
    turns = (Turn(0, 1), Turn(1, 1), Turn(0, 1))
    machine = make(load, store, vcpu_count=2, schedule=Explicit(turns))
    machine.vcpus[1].engine.pc = SECOND
    machine.vcpus[0].engine.x[1] = DATA
    machine.run(max_instructions=3)
    assert machine.vcpus[0].engine.x[4] == 1


def test_a_monitor_outlives_the_end_of_a_run(make: Make) -> None:
    machine = make(a64.LDXR_X3_X1, a64.STXR_W4_X3_X1, vcpu_count=2)
    machine.vcpus[0].engine.x[1], machine.vcpus[0].engine.x[4] = DATA, 5
    machine.run(max_instructions=1)
    machine.run(max_instructions=1)
    assert machine.vcpus[0].engine.x[4] == 0


# --- code and page tables -----------------------------------------------------------------------


def test_code_that_the_host_writes_is_what_runs_next(make: Make) -> None:
    machine = make(a64.ADD_X0_1, a64.B_BACK, vcpu_count=2, schedule=RoundRobin(10))
    machine.run(max_instructions=100)
    machine.ram.write(BASE, (a64.NOP).to_bytes(4, "little"))
    before = [vcpu.engine.x[0] for vcpu in machine.vcpus]
    machine.run(max_instructions=100)
    assert [vcpu.engine.x[0] for vcpu in machine.vcpus] == before


def test_code_that_one_vcpu_changes_runs_on_all_after_ic_ivau(make: Make) -> None:
    """Without it, the other vCPU may go on with what was there."""
    change = (0xB9000022, a64.IC_IVAU_X1)  # str w2, [x1]
    machine = make(a64.ADD_X0_1, a64.B_BACK, vcpu_count=2, schedule=RoundRobin(10))
    machine.ram.write(SECOND, b"".join(word.to_bytes(4, "little") for word in change))
    machine.run(max_instructions=40)
    changer, other = machine.vcpus
    changer.engine.pc, changer.engine.x[1], changer.engine.x[2] = SECOND, BASE, a64.NOP
    machine.run(max_instructions=20)
    before = other.engine.x[0]
    machine.run(max_instructions=100)
    assert other.engine.x[0] == before


# --- limits of time -----------------------------------------------------------------------------


def test_a_guest_that_spins_is_ended_by_a_limit_of_time(make: Make) -> None:
    machine = make(a64.B_SELF)
    start = machine.clock.now()
    assert machine.run(max_cycles=12_345) is Stop.TIME_LIMIT
    assert machine.clock.now() - start == 12_345
    assert machine.run(max_instructions=10, max_cycles=100) is Stop.LIMIT


def test_a_sleep_is_cut_short_by_a_limit_of_time_and_goes_on(make: Make) -> None:
    machine = make(a64.WFI)
    start_timer(machine, 1000)
    open_gic(machine, SQUIB.timers.virtual)
    start = machine.clock.now()
    assert machine.run(max_cycles=600) is Stop.TIME_LIMIT
    assert machine.clock.now() - start == 600
    assert machine.vcpus[0].engine.pc == BASE + 4
    machine.run(max_instructions=1)
    assert machine.clock.now() - start == 1000 * SQUIB.cycles_per_tick + 1
    assert machine.vcpus[0].engine.pc == BASE + 8


# --- faults -------------------------------------------------------------------------------------


def test_an_external_abort_is_taken_once_whatever_the_slices(make: Make) -> None:
    taken: list[Stamped] = []
    machine = make(a64.NOP, a64.LDR_W0_X1, vcpu_count=2, schedule=RoundRobin(1))
    machine.events.subscribe(taken.append)
    for vcpu in machine.vcpus:
        vcpu.engine.x[1] = 0x7000_0000
    machine.run(max_instructions=4)
    events = [stamped.event for stamped in taken if isinstance(stamped.event, ExceptionTaken)]
    assert [(event.vcpu, event.elr - BASE) for event in events] == [(0, 4), (1, 4)]
    assert machine.vcpus[0].get_sysreg(BY_NAME["FAR_EL1"]) == 0x7000_0000
