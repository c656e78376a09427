"""What a machine does when its guest makes firmware calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from emu.arch import trng
from emu.arch.psci import Function, Status
from emu.boards.kvm_services import KVM_SERVICES
from emu.boards.squib import SQUIB
from emu.core.events import Event, HypervisorCall, Stamped, TimerFired, WaitStarted
from emu.core.ram import Ram
from emu.errors import BoardError
from emu.machine import Machine, Power, Stop
from tests import a64
from tests.machine.timer_interrupts import open_gic, start_timer

Make = Callable[..., Machine]

KVM_BOARD = replace(SQUIB, firmware=KVM_SERVICES)
TICKS = 1000


@pytest.mark.parametrize(
    ("function", "stop"),
    [
        (Function.SYSTEM_OFF, Stop.SYSTEM_OFF),
        (Function.SYSTEM_RESET, Stop.SYSTEM_RESET),
        (Function.SYSTEM_RESET2, Stop.SYSTEM_RESET),
    ],
)
def test_off_and_reset_end_the_run_for_good(make: Make, function: Function, stop: Stop) -> None:
    """Right behind the call."""
    machine = make(a64.NOP, a64.hvc(), board=KVM_BOARD)
    machine.vcpus[0].engine.x[0] = function
    for _ in range(2):
        assert machine.run(100) is stop
        assert machine.instructions == 2


def test_a_vcpu_that_turns_itself_off_runs_no_further(make: Make) -> None:
    """With the last vCPU the machine has nothing to do, for ever."""
    machine = make(a64.hvc())
    machine.vcpus[0].engine.x[0] = Function.CPU_OFF
    for _ in range(2):
        assert machine.run(100) is Stop.IDLE
        assert machine.psci.power == [Power.OFF]
        assert machine.instructions == 1


@pytest.mark.parametrize("function", [Function.CPU_SUSPEND, Function.CPU_SUSPEND_SMC32])
@pytest.mark.parametrize("power_state", [0, 1 << 16 | 1 << 24], ids=["standby", "power-down"])
@pytest.mark.parametrize("limit", [1, None])
def test_cpu_suspend_waits_as_wfi_and_returns_behind_the_call(
    make: Make, function: Function, power_state: int, limit: int | None
) -> None:
    """Time jumps to the deadline; the entry point of a power-down state is not used."""
    machine = make(a64.hvc(), a64.MOV_X3_X0, a64.NOP, board=KVM_BOARD)
    engine = machine.vcpus[0].engine
    for number, value in enumerate((function, power_state, SQUIB.dram_base, 7)):
        engine.x[number] = value
    engine.x[30] = 30
    open_gic(machine, SQUIB.timers.virtual)
    start_timer(machine, TICKS)
    events: list[Stamped] = []
    machine.events.subscribe(events.append)
    if limit is not None:
        assert machine.run(limit) is Stop.LIMIT
    assert machine.run(3 - machine.instructions) is Stop.LIMIT
    assert (engine.pc, engine.x[3], engine.x[30]) == (SQUIB.kernel_base + 12, Status.SUCCESS, 30)
    kinds: tuple[type[Event], ...] = (HypervisorCall, WaitStarted, TimerFired)
    happened = [(s.time, type(s.event)) for s in events if isinstance(s.event, kinds)]
    deadline = TICKS * SQUIB.cycles_per_tick
    assert happened == [(1, HypervisorCall), (1, WaitStarted), (deadline, TimerFired)]
    assert machine.clock.now() == deadline + 2
    assert machine.psci.power == [Power.ON]


def test_cpu_suspend_with_nothing_to_wake_it_is_the_end(make: Make) -> None:
    machine = make(a64.hvc(), board=KVM_BOARD)
    machine.vcpus[0].engine.x[0] = Function.CPU_SUSPEND
    for _ in range(2):
        assert machine.run(100) is Stop.IDLE
        assert machine.instructions == 1


def test_a_board_with_a_trng_needs_entropy_for_its_machine() -> None:
    """And that is what its guest gets."""
    ram = Ram(SQUIB.dram_base, 6 << 20)
    with pytest.raises(BoardError, match="make the machine with `entropy`"):
        Machine(KVM_BOARD, ram=ram)
    with Machine(KVM_BOARD, ram=ram, entropy=lambda size: b"\xa5" * size) as machine:
        engine = machine.vcpus[0].engine
        ram.write(SQUIB.kernel_base, a64.hvc().to_bytes(4, "little"))
        engine.pc, engine.pstate = SQUIB.kernel_base, SQUIB.boot_pstate
        engine.x[0], engine.x[1] = trng.Function.TRNG_RND, 12
        machine.psci.power[0] = Power.ON
        machine.run(1)
        assert tuple(engine.x[:4]) == (0, 0, 0, 0x5A5)
