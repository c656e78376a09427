"""What there is to know about one vCPU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from emu.arch.layouts import CNT_CTL
from emu.arch.sysregs import BY_NAME
from emu.cpu import Vcpu
from emu.machine.machine import Machine
from emu.machine.postmortem.backtrace import Frame, backtrace
from emu.machine.postmortem.virtual_memory import read_virtual

SYSTEM_REGISTERS = (
    "SP_EL0",
    "SP_EL1",
    "ELR_EL1",
    "SPSR_EL1",
    "ESR_EL1",
    "FAR_EL1",
    "SCTLR_EL1",
    "TCR_EL1",
    "TTBR0_EL1",
    "TTBR1_EL1",
    "MAIR_EL1",
    "VBAR_EL1",
    "CONTEXTIDR_EL1",
    "TPIDR_EL0",
    "TPIDR_EL1",
    "CPACR_EL1",
)
CPU_INTERFACE_REGISTERS = (
    "ICC_PMR_EL1",
    "ICC_RPR_EL1",
    "ICC_CTLR_EL1",
    "ICC_IGRPEN0_EL1",
    "ICC_IGRPEN1_EL1",
    "ICC_BPR0_EL1",
    "ICC_BPR1_EL1",
    "ICC_AP0R0_EL1",
    "ICC_AP1R0_EL1",
    "ICC_HPPIR0_EL1",
    "ICC_HPPIR1_EL1",
)
"""Those that can be read without a side effect."""

_INSTRUCTION_BYTES = 4
_CODE_BEFORE, _CODE_AFTER = 6, 4
_ADDRESS_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class CodeWord:
    """A place of code, and the instruction there; None if it can't be read."""

    address: int
    word: int | None


@dataclass(frozen=True, slots=True)
class TimerReport:
    """One generic timer.

    Attributes:
        name: `CNTV` or `CNTP`.
        intid: its PPI.
        ctl: CNTx_CTL_EL0.
        cval: CNTx_CVAL_EL0, in ticks.
        count: CNTxCT_EL0, in ticks.
        cycles_to_rise: until its line rises by time alone; None if it is high or never will.
    """

    name: str
    intid: int
    ctl: int
    cval: int
    count: int
    cycles_to_rise: int | None


@dataclass(frozen=True, slots=True)
class VcpuReport:
    """One vCPU.

    Attributes:
        power: PSCI power state, `On`, `Off` or `OnPending`.
        waiting: in a WFI.
        irq_asserted: the GIC drives its IRQ input.
        fiq_asserted: the GIC drives its FIQ input.
        x: X0 to X30.
        sys_regs: `SYSTEM_REGISTERS`, by name.
        cpu_interface: `CPU_INTERFACE_REGISTERS`, by name.
        code: around the PC.
        backtrace: the innermost call first.
        timers: the virtual and the physical one.
    """

    index: int
    mpidr: int
    power: str
    waiting: bool
    irq_asserted: bool
    fiq_asserted: bool
    el: int
    pc: int
    pstate: int
    x: tuple[int, ...]
    sys_regs: dict[str, int]
    cpu_interface: dict[str, int]
    code: tuple[CodeWord, ...]
    backtrace: tuple[Frame, ...]
    timers: tuple[TimerReport, ...]


def examine_vcpu(machine: Machine, vcpu: Vcpu) -> VcpuReport:
    """A report on one vCPU of a machine."""
    engine, ports = vcpu.engine, machine.gic.cpu_interface(vcpu.index)
    sys_regs = {name: vcpu.get_sysreg(BY_NAME[name]) for name in SYSTEM_REGISTERS}
    read = partial(read_virtual, vcpu, machine.ram)
    x = tuple(engine.x[:31])
    return VcpuReport(
        index=vcpu.index,
        mpidr=vcpu.mpidr,
        power=machine.psci.power[vcpu.index].value,
        waiting=engine.waiting,
        irq_asserted=engine.irq_asserted,
        fiq_asserted=engine.fiq_asserted,
        el=engine.el,
        pc=engine.pc,
        pstate=engine.pstate,
        x=x,
        sys_regs=sys_regs,
        cpu_interface={name: ports[name].read() for name in CPU_INTERFACE_REGISTERS},
        code=_code(machine, vcpu),
        backtrace=tuple(backtrace(engine.pc, x[29], x[30], sys_regs["TCR_EL1"], read)),
        timers=_timers(machine, vcpu),
    )


def _code(machine: Machine, vcpu: Vcpu) -> tuple[CodeWord, ...]:
    around = range(-_CODE_BEFORE, _CODE_AFTER + 1)
    places = [(vcpu.engine.pc + _INSTRUCTION_BYTES * n) & _ADDRESS_MASK for n in around]
    words = [read_virtual(vcpu, machine.ram, place, _INSTRUCTION_BYTES) for place in places]
    return tuple(
        CodeWord(place, None if word is None else int.from_bytes(word, "little"))
        for place, word in zip(places, words, strict=True)
    )


def _timers(machine: Machine, vcpu: Vcpu) -> tuple[TimerReport, ...]:
    intids = machine.board.timers
    return (
        _timer(machine, vcpu, "CNTV", "CNTVCT_EL0", intids.virtual),
        _timer(machine, vcpu, "CNTP", "CNTPCT_EL0", intids.physical),
    )


def _timer(machine: Machine, vcpu: Vcpu, name: str, counter: str, intid: int) -> TimerReport:
    ctl = vcpu.timer.read(f"{name}_CTL_EL0")
    cval, count = vcpu.timer.read(f"{name}_CVAL_EL0"), vcpu.timer.read(counter)
    armed = ctl & (CNT_CTL.ENABLE.mask | CNT_CTL.IMASK.mask) == CNT_CTL.ENABLE.mask
    due = machine.clock.cycles_until(cval - count) if armed and count < cval else None
    return TimerReport(name, intid, ctl, cval, count, due)
