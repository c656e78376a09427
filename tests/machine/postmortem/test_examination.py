"""An examination finds all that there is to know, of a machine in whatever state it is."""

from __future__ import annotations

import struct

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.sysregs import BY_NAME
from emu.boards.squib import PL011, SQUIB
from emu.core.events import (
    ConsoleOutput,
    ExceptionTaken,
    InterruptTaken,
    IrqPended,
    MmioAccess,
    Stamped,
)
from emu.core.ram import Ram
from emu.errors import GuestError, MachineError
from emu.machine import Machine, Power, Stop
from emu.machine.postmortem import CodeWord, Recorder, examine, read_virtual
from harness.guests import boot_guest
from tests import a64
from tests.machine.conftest import Make

BASE = SQUIB.kernel_base
PER_TICK = SQUIB.cycles_per_tick
TIMER = SQUIB.timers.virtual
WORDS = st.integers(0, (1 << 64) - 1)


# --- vCPUs --------------------------------------------------------------------------------------


def test_registers_and_code_are_those_of_the_moment(make: Make) -> None:
    machine = make(a64.ADD_X0_1, a64.B_BACK)
    machine.run(7)
    machine.vcpus[0].engine.x[30] = 0x1234
    [vcpu] = examine(machine, "a test").vcpus
    assert (vcpu.pc, vcpu.x[0], vcpu.el, vcpu.power) == (BASE + 4, 4, 1, "On")
    assert vcpu.sys_regs["VBAR_EL1"] == machine.vcpus[0].get_sysreg(BY_NAME["VBAR_EL1"])
    assert CodeWord(BASE, a64.ADD_X0_1) in vcpu.code
    assert CodeWord(BASE + 4, a64.B_BACK) in vcpu.code
    assert [frame.address for frame in vcpu.backtrace] == [BASE + 4, 0x1234]


def test_a_backtrace_is_read_from_guest_memory(make: Make) -> None:
    machine = make(a64.NOP)
    record = BASE + 0x2_0000
    machine.ram.write(record, struct.pack("<4Q", record + 16, 0xA0, 0, 0xB0))
    machine.vcpus[0].engine.x[29] = record
    [vcpu] = examine(machine, "a test").vcpus
    assert [frame.address for frame in vcpu.backtrace] == [BASE, 0xA0, 0xB0]


def test_code_that_is_nowhere_has_no_words(make: Make) -> None:
    machine = make(a64.NOP)
    machine.vcpus[0].engine.pc = 0x7000_0000
    [vcpu] = examine(machine, "a test").vcpus
    assert {code.word for code in vcpu.code} == {None}


def test_a_wait_that_nothing_ends_is_seen(make: Make) -> None:
    machine = make(a64.WFI)
    assert machine.run() is Stop.IDLE
    [vcpu] = examine(machine, "idle").vcpus
    assert (vcpu.waiting, vcpu.irq_asserted, vcpu.fiq_asserted) == (True, False, False)


@pytest.mark.parametrize(
    ("ctl", "ticks", "due"),
    [(1, 50, 50 * PER_TICK), (0, 50, None), (3, 50, None), (1, 0, None)],
    ids=["armed", "disabled", "masked", "fired"],
)
def test_a_timer_is_told_with_the_time_that_is_left(
    make: Make, ctl: int, ticks: int, due: int | None
) -> None:
    machine = make(a64.B_SELF)
    timer = machine.vcpus[0].timer
    timer.write("CNTV_CVAL_EL0", ticks)
    timer.write("CNTV_CTL_EL0", ctl)
    machine.run(8)
    [vcpu] = examine(machine, "a test").vcpus
    virtual, physical = vcpu.timers
    assert (virtual.name, virtual.intid, virtual.cval, virtual.count) == ("CNTV", TIMER, ticks, 2)
    assert virtual.cycles_to_rise == (None if due is None else due - 8)
    assert (physical.name, physical.ctl, physical.cycles_to_rise) == ("CNTP", 0, None)


# --- the machine --------------------------------------------------------------------------------


def test_an_examination_changes_nothing() -> None:
    with boot_guest("heartbeat") as machine:
        machine.run(1234)
        before = machine.state()
        found = examine(machine, "a test")
        assert machine.state() == before
        assert (found.cycles, found.instructions) == (before.cycles, 1234)
        assert found.console == bytes(machine.console)
        assert machine.run() is Stop.SYSTEM_OFF


def test_a_machine_that_gave_up_is_examined(make: Make) -> None:
    """After a `GuestError`, at the instruction that was the end."""
    machine = make(a64.NOP, a64.BR_X1)
    machine.vcpus[0].engine.x[1] = 0x7000_0000
    machine.vcpus[0].set_sysreg(BY_NAME["VBAR_EL1"], 0x7000_0000)
    with pytest.raises(GuestError):
        machine.run()
    found = examine(machine, "it gave up")
    assert found.vcpus[0].pc >> 28 == 7
    assert found.instructions >= 2


def test_a_closed_machine_is_not_examined() -> None:
    machine = boot_guest("quiet")
    machine.close()
    with pytest.raises(MachineError, match="closed"):
        examine(machine, "too late")


@pytest.fixture(scope="module")
def bare() -> Machine:
    """A machine whose registers a test may set at will."""
    return Machine(SQUIB, ram=Ram(SQUIB.dram_base, 8 << 20))


@given(x29=WORDS, pc=WORDS, tcr=WORDS, ttbr=WORDS, low=st.booleans(), table=st.binary(max_size=64))
def test_no_state_of_the_mmu_breaks_it(
    bare: Machine, *, x29: int, pc: int, tcr: int, ttbr: int, low: bool, table: bytes
) -> None:
    """Tables anywhere, with anything in them, of any size."""
    [vcpu] = bare.vcpus
    base = bare.ram.base + (ttbr & 0xF_F000) if low else ttbr & 0xFFFF_FFFF_FFFE
    bare.ram.write(bare.ram.base + (ttbr & 0xF_F000), table)
    for name, value in (("TCR_EL1", tcr), ("TTBR0_EL1", base), ("TTBR1_EL1", base)):
        vcpu.set_sysreg(BY_NAME[name], value)
    vcpu.set_sysreg(BY_NAME["SCTLR_EL1"], 1)
    vcpu.engine.x[29], vcpu.engine.pc = x29, pc
    assert examine(bare, "a test").vcpus[0].pc == pc
    vcpu.set_sysreg(BY_NAME["SCTLR_EL1"], 0)


# --- memory -------------------------------------------------------------------------------------


def test_memory_is_read_over_the_end_of_a_page(make: Make) -> None:
    machine = make()
    at = BASE + 0x2_0FF8
    machine.ram.write(at, bytes(range(16)))
    assert read_virtual(machine.vcpus[0], machine.ram, at, 16) == bytes(range(16))


def test_memory_beyond_ram_and_devices_are_not_read(make: Make) -> None:
    """A device may change by being read."""
    machine = make()
    told: list[Stamped] = []
    machine.events.subscribe(told.append)
    end = machine.ram.base + machine.ram.size_bytes
    for address in (end - 8, PL011.base, 0, (1 << 64) - 8):
        assert read_virtual(machine.vcpus[0], machine.ram, address, 16) is None
    assert told == []


# --- what was recorded --------------------------------------------------------------------------


def test_a_recorder_keeps_the_last_of_each_kind() -> None:
    """Characters and device accesses don't push anything out."""
    recorder = Recorder(exceptions_max=2, events_max=2)
    exceptions = [Stamped(n, ExceptionTaken(0, n, n)) for n in range(3)]
    exceptions.append(Stamped(9, InterruptTaken(0, is_fiq=False, elr=9)))
    others = [Stamped(n, IrqPended(n, None)) for n in range(4)]
    noise = [
        Stamped(99, ConsoleOutput(65)),
        Stamped(99, MmioAccess(0, "PL011", 0, 4, 65, is_write=True)),
    ]
    for stamped in (*exceptions, *others, *noise * 5):
        recorder(stamped)
    assert recorder.exceptions == tuple(exceptions[-2:])
    assert recorder.events == tuple(others[-2:])


def test_a_report_has_what_its_recorder_heard(make: Make) -> None:
    machine = make(a64.svc(7), a64.NOP)
    recorder = Recorder()
    machine.events.subscribe(recorder)
    machine.run(1)
    found = examine(machine, "a test", recorder)
    [exception] = found.exceptions
    assert exception.event == ExceptionTaken(0, 0x15 << 26 | 1 << 25 | 7, BASE + 4)
    assert examine(machine, "a test").exceptions == ()


def test_a_vcpu_that_is_off_is_told_so(make: Make) -> None:
    machine = make()
    machine.psci.power[0] = Power.OFF
    assert examine(machine, "a test").vcpus[0].power == "Off"
