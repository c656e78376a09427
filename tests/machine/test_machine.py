"""A machine: how it is made, runs, waits, stops and ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest

import firmware
from emu.arch.psci import Function
from emu.arch.sysregs import BY_NAME
from emu.boards.squib import PL011, SQUIB
from emu.core.events import (
    ConsoleOutput,
    Event,
    HypervisorCall,
    MmioAccess,
    Stamped,
    TimerFired,
    WaitStarted,
)
from emu.core.image import Image
from emu.core.ram import Ram
from emu.cpu import Vcpu
from emu.errors import BoardError, MachineError
from emu.machine import Machine, Power, Stop, Turn
from harness.guests import boot_guest
from tests import a64
from tests.machine.timer_interrupts import open_gic, start_timer

Make = Callable[..., Machine]

MIB = 1 << 20
BASE = SQUIB.kernel_base
PER_TICK = SQUIB.cycles_per_tick
VIRTUAL_TIMER = SQUIB.timers.virtual
NOWHERE = 0x7000_0000


def vcpu_of(machine: Machine) -> Vcpu:
    return machine.vcpus[0]


def recorded(machine: Machine) -> list[Stamped]:
    events: list[Stamped] = []
    machine.events.subscribe(events.append)
    return events


# --- making one ---------------------------------------------------------------------------------


def test_a_board_has_the_ram_that_it_needs_where_it_has_it() -> None:
    with pytest.raises(BoardError, match="too few"):
        Machine(SQUIB, ram=Ram(SQUIB.dram_base, MIB))
    with pytest.raises(BoardError, match=r"RAM begins at 0x40000000.*0x80000000"):
        Machine(SQUIB, ram=Ram(0x4000_0000, 8 * MIB))


@pytest.mark.parametrize("count", [-1, 0, 33])
def test_a_machine_has_1_to_32_vcpus(count: int) -> None:
    with pytest.raises(BoardError, match=f"{count} vCPUs; it takes 1 to 32"):
        Machine(SQUIB, ram=Ram(SQUIB.dram_base, 8 * MIB), vcpu_count=count)


def test_a_machine_that_was_not_booted_has_nothing_to_do() -> None:
    with Machine(SQUIB, ram=Ram(SQUIB.dram_base, 8 * MIB)) as machine:
        assert machine.run() is Stop.IDLE
        assert machine.instructions == 0


# --- running ------------------------------------------------------------------------------------


def test_a_run_executes_exactly_its_limit(make: Make) -> None:
    """One instruction takes one cycle, from the injected host clock on."""
    machine = make(a64.ADD_X0_1, a64.B_BACK, host_clock=1000)
    for limit in (1, 2, 997, 0, -5, 1):
        before = machine.instructions
        assert machine.run(limit) is Stop.LIMIT
        assert machine.instructions == before + max(limit, 0)
        assert machine.clock.now() == 1000 + machine.instructions
    assert vcpu_of(machine).engine.x[0] == (machine.instructions + 1) // 2


@pytest.mark.parametrize("idle", [False, True])
def test_a_run_ends_exactly_at_its_time_limit(make: Make, idle: bool) -> None:
    """Busy, or in a wait, of which the rest is still to come."""
    machine = make(a64.WFI if idle else a64.B_SELF, a64.B_SELF, host_clock=1000)
    open_gic(machine, VIRTUAL_TIMER)
    start_timer(machine, 1000)
    events = recorded(machine)
    for limit in (1, 2, 997, 0):
        before = machine.clock.now()
        assert machine.run(max_cycles=limit) is Stop.TIME_LIMIT
        assert machine.clock.now() == before + limit
    assert machine.instructions == (1 if idle else 1000)
    assert machine.run(max_instructions=1, max_cycles=5000) is Stop.LIMIT
    machine.run(max_cycles=5000)
    fired = [s.time for s in events if isinstance(s.event, TimerFired)]
    assert fired == [1000 + 1000 * PER_TICK]


class NeverAsked:
    """A schedule that must not be asked."""

    def turn(self, _number: int, _runnable: Sequence[int], _last: int | None) -> Turn:
        raise AssertionError("a lone vCPU was cut into turns")

    def check(self, vcpu_count: int) -> None:
        assert vcpu_count == 1


def test_a_lone_vcpu_is_not_cut_into_turns() -> None:
    """Slices cost time: straight code is to run at the core's own speed."""
    ram = Ram(SQUIB.dram_base, 8 * MIB)
    ram.write(BASE, a64.B_SELF.to_bytes(4, "little"))
    with Machine(SQUIB, ram=ram, schedule=NeverAsked()) as machine:
        vcpu_of(machine).engine.pc = BASE
        machine.psci.power[0] = Power.ON
        assert machine.run(30_000) is Stop.LIMIT
        assert machine.instructions == 30_000


def test_waiting_with_nothing_to_wake_it_is_the_end(make: Make) -> None:
    """No time passes, however often it is asked."""
    machine = make(a64.NOP, a64.WFI)
    events = recorded(machine)
    for _ in range(2):
        assert machine.run() is Stop.IDLE
        assert (machine.instructions, machine.clock.now()) == (2, 2)
    assert events == [Stamped(2, WaitStarted(0))]


@pytest.mark.parametrize("limit", [1, 2, None])
def test_wfi_ends_a_slice_and_time_jumps_to_the_deadline(make: Make, limit: int | None) -> None:
    """The IRQ is masked: execution goes on behind the WFI, at the time of the deadline."""
    machine = make(a64.NOP, a64.WFI, a64.hvc())
    vcpu_of(machine).engine.x[0] = Function.SYSTEM_OFF
    open_gic(machine, VIRTUAL_TIMER)
    start_timer(machine, 1000)
    events = recorded(machine)
    if limit is not None:
        assert machine.run(limit) is Stop.LIMIT
    assert machine.run() is Stop.SYSTEM_OFF
    happened = [s for s in events if isinstance(s.event, WaitStarted | TimerFired | HypervisorCall)]
    assert [(s.time, type(s.event)) for s in happened] == [
        (2, WaitStarted),
        (1000 * PER_TICK, TimerFired),
        (1000 * PER_TICK + 1, HypervisorCall),
    ]
    assert machine.instructions == 3


def test_a_timer_interrupts_exactly_at_its_deadline(make: Make) -> None:
    """The instruction of the deadline's cycle is the last one before the handler."""
    machine = make(a64.OPEN_IRQ, a64.ADD_X0_1, a64.B_BACK, handler=(a64.MOV_X3_X0, a64.WFI))
    open_gic(machine, VIRTUAL_TIMER)
    start_timer(machine, 25)
    machine.run(25 * PER_TICK + 1)
    # One instruction unmasks, the other 99 add and branch by turns.
    assert vcpu_of(machine).engine.x[3] == (25 * PER_TICK - 1 + 1) // 2
    assert vcpu_of(machine).get_sysreg(BY_NAME["ELR_EL1"]) == BASE + 8


def test_a_timer_that_the_gic_keeps_back_wakes_nobody(make: Make) -> None:
    """Its line rises once, and then it is the end: also if the count is about to wrap."""
    machine = make(a64.WFI)
    events = recorded(machine)
    start_timer(machine, 10)
    assert machine.run() is Stop.IDLE
    assert [s.time for s in events if isinstance(s.event, TimerFired)] == [10 * PER_TICK]
    wrapping = make(a64.WFI)
    wrapping.vcpus[0].timer.write("CNTVOFF_EL2", 5)  # CNTVCT_EL0 is 5 before 2^64
    start_timer(wrapping, 3)
    assert wrapping.run() is Stop.IDLE
    assert wrapping.clock.now() == 3 * PER_TICK


def test_a_line_falls_when_the_count_wraps(make: Make) -> None:
    """To the cycle, though nothing else ends the slice there."""
    machine = make(a64.B_SELF)
    timer = vcpu_of(machine).timer
    timer.write("CNTVOFF_EL2", 5)
    timer.write("CNTV_CVAL_EL0", 100)
    timer.write("CNTV_CTL_EL0", 1)
    open_gic(machine, VIRTUAL_TIMER)
    assert vcpu_of(machine).engine.irq_asserted
    machine.run(5 * PER_TICK + 1)
    assert not vcpu_of(machine).engine.irq_asserted


# --- stopping -----------------------------------------------------------------------------------


def stop_at(machine: Machine, kind: type[Event]) -> None:
    """Let a listener stop the machine at the first event of a kind."""

    def listen(stamped: Stamped) -> None:
        if isinstance(stamped.event, kind):
            unsubscribe()
            machine.stop()

    unsubscribe = machine.events.subscribe(listen)


@pytest.mark.parametrize(
    ("kind", "instructions", "time"),
    [
        (MmioAccess, 2, 2),
        (WaitStarted, 4, 4),
        (TimerFired, 4, 50 * PER_TICK),
        (HypervisorCall, 6, 50 * PER_TICK + 2),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_listener_stops_the_run_before_the_next_instruction(
    make: Make, kind: type[Event], instructions: int, time: int
) -> None:
    """Wherever the event comes from; the next run goes on as if nothing had been."""
    machine = make(a64.NOP, a64.STR_W2_X1, a64.NOP, a64.WFI, a64.NOP, a64.hvc(), a64.B_SELF)
    vcpu_of(machine).engine.x[1] = PL011.base + 0x30
    open_gic(machine, VIRTUAL_TIMER)
    start_timer(machine, 50)
    stop_at(machine, kind)
    assert machine.run(20) is Stop.REQUESTED
    assert (machine.instructions, machine.clock.now()) == (instructions, time)
    assert machine.run(20 - instructions) is Stop.LIMIT
    assert vcpu_of(machine).engine.pc == BASE + 24


def test_what_a_listener_raises_comes_out_of_run_and_the_time_is_kept(make: Make) -> None:
    machine = make(a64.NOP, a64.STR_W2_X1, a64.NOP)
    vcpu_of(machine).engine.x[1] = PL011.base
    vcpu_of(machine).engine.x[2] = ord("x")

    def listen(stamped: Stamped) -> None:
        if isinstance(stamped.event, ConsoleOutput):
            raise RuntimeError("seen")

    machine.events.subscribe(listen)
    with pytest.raises(RuntimeError, match="seen"):
        machine.run(10)
    assert (machine.instructions, machine.clock.now()) == (2, 2)
    assert machine.run(1) is Stop.LIMIT
    assert vcpu_of(machine).engine.pc == BASE + 12


def test_an_access_to_nothing_is_an_external_abort_to_the_guest(make: Make) -> None:
    machine = make(a64.NOP, a64.LDR_W0_X1)
    vcpu_of(machine).engine.x[1] = NOWHERE
    vcpu_of(machine).set_sysreg(BY_NAME["VBAR_EL1"], BASE + 0x1000)
    assert machine.run(max_instructions=2) is Stop.LIMIT
    assert vcpu_of(machine).engine.pc == BASE + 0x1200
    assert vcpu_of(machine).get_sysreg(BY_NAME["ESR_EL1"]) == 0x9600_0010
    assert vcpu_of(machine).get_sysreg(BY_NAME["FAR_EL1"]) == NOWHERE


# --- booting ------------------------------------------------------------------------------------


def test_the_guest_is_told_where_its_initial_ram_disk_is() -> None:
    """Where the board has it, whole, and in the device tree."""
    initrd = bytes(range(256)) * 20
    image = Image.parse(firmware.load("quiet").image)
    with Machine(SQUIB, ram=Ram(SQUIB.dram_base, 300 * MIB)) as machine:
        machine.boot(image, entropy=bytes, initrd=initrd, initrd_path="/boot/initrd")
        base = 0x9000_0000
        assert machine.ram.read(base, len(initrd)) == initrd
        fdt = machine.ram.read(machine.vcpus[0].engine.x[0], 0x4000)
        assert base.to_bytes(8) in fdt
        assert (base + len(initrd)).to_bytes(8) in fdt
        assert machine.boot_source.initrd_path == "/boot/initrd"


def test_an_initial_ram_disk_that_does_not_fit_is_refused() -> None:
    image = Image.parse(firmware.load("quiet").image)
    with (
        Machine(SQUIB, ram=Ram(SQUIB.dram_base, 128 * MIB)) as machine,
        pytest.raises(BoardError, match="initial RAM disk needs"),
    ):
        machine.boot(image, entropy=bytes, initrd=b"1")


# --- the end ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "stop"),
    [(Function.SYSTEM_OFF, Stop.SYSTEM_OFF), (Function.SYSTEM_RESET, Stop.SYSTEM_RESET)],
)
def test_the_guest_ends_the_machine_for_good(make: Make, function: Function, stop: Stop) -> None:
    machine = make(a64.hvc(), a64.NOP)
    vcpu_of(machine).engine.x[0] = function
    assert machine.run() is stop
    assert machine.run(100) is stop
    assert machine.instructions == 1


def test_a_closed_machine_does_not_run_and_keeps_its_ram() -> None:
    machine = boot_guest("quiet")
    with machine:
        machine.run(100)
    machine.close()
    with pytest.raises(MachineError, match="closed"):
        machine.run()
    with pytest.raises(MachineError, match="closed"):
        machine.state()
    assert len(machine.ram.contents()) == machine.ram.size_bytes


LEAK = """
import resource, sys
from harness.guests import boot_guest

UNIT = 1 if sys.platform == "darwin" else 1024

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT

def build(count):
    for _ in range(count):
        with boot_guest("quiet") as machine:
            machine.run(500)

build(20)
before = peak()
build(200)
print(peak() - before)
"""
LEAK_BYTES_MAX = 48 << 20
"""200 cores alone are some 600 MiB."""


def test_the_ram_of_a_closed_machine_can_still_be_written() -> None:
    ram = Ram(SQUIB.dram_base, 8 * MIB)
    with Machine(SQUIB, ram=ram):
        pass
    ram.write(BASE, b"later")
    assert ram.read(BASE, 5) == b"later"


def test_machines_that_are_closed_give_their_memory_back() -> None:
    process = subprocess.run(
        [sys.executable, "-c", LEAK], capture_output=True, text=True, check=True
    )
    assert int(process.stdout) < LEAK_BYTES_MAX
