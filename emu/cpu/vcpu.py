"""One vCPU: the core with its system registers, generic timer and performance monitors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emu.arch.id_layouts import CTR_EL0
from emu.arch.sysregs import BY_NAME, SYSREGS, Model, SysReg
from emu.core.clock import VirtualClock
from emu.core.events import (
    EventStream,
    ExceptionTaken,
    FeatureIgnored,
    InterruptTaken,
    TimerFired,
)
from emu.core.ports import IrqLine, SysRegPort
from emu.cpu.engine import Engine, verify
from emu.cpu.features import Policy
from emu.cpu.identity import Identity, check_selector
from emu.cpu.inner_shareable import InnerShareableDomain
from emu.cpu.model import MAX, CpuModel
from emu.cpu.pmu import Pmu
from emu.cpu.sysregs import SysRegFile
from emu.cpu.timer import GenericTimer

SAVED_SYSREGS: tuple[SysReg, ...] = tuple(
    reg for reg in SYSREGS if reg.saved and reg.model not in (Model.GIC, Model.ID)
)
"""The registers that hold a vCPU's state; the GIC's are part of the GIC's."""


_KEPT_BY_RESET = ("CNTVOFF_EL2", "CNTPOFF_EL2")


@dataclass(slots=True)
class VcpuState:
    """The architectural state of a vCPU.

    Attributes:
        x: X0 to X30, 64 bits each.
        pc: program counter.
        pstate: PSTATE in the form of SPSR_EL1.
        v: V0 to V31, 128 bits each.
        sys_regs: every register of `SAVED_SYSREGS`, by name.
    """

    x: list[int] = field(default_factory=lambda: [0] * 31)
    pc: int = 0
    pstate: int = 0x3C5
    v: list[int] = field(default_factory=lambda: [0] * 32)
    sys_regs: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimerLines:
    """Where the generic timer's outputs go, and which PPIs these are."""

    virtual: IrqLine
    virtual_intid: int
    physical: IrqLine
    physical_intid: int


class Vcpu:
    """A vCPU of a machine.

    Args:
        index: its number on the board.
        mpidr: its MPIDR_EL1.
        clock: the machine's virtual time.
        events: where exceptions and timer expiries are told.
        timer_lines: where its timers' outputs go.
        gic: the registers of its GIC CPU interface, by name.
        id_registers: ID registers that differ from the CPU model's, by name.
        domain: the vCPUs that share code and page tables with it.
        on_timer_change: called after each write that may move a timer's next deadline.
        model: the processor that it is.

    Raises:
        BoardError: `id_registers` promise a feature that is refused (`emu.cpu.features`).
    """

    def __init__(
        self,
        *,
        index: int,
        mpidr: int,
        clock: VirtualClock,
        events: EventStream,
        timer_lines: TimerLines,
        gic: Mapping[str, SysRegPort],
        id_registers: Mapping[str, int],
        domain: InnerShareableDomain,
        on_timer_change: Callable[[], None],
        model: CpuModel = MAX,
    ) -> None:
        self.index = index
        self.mpidr = mpidr
        self._events = events
        self._domain = domain
        self._identity = Identity(model, {**id_registers, "MPIDR_EL1": mpidr})
        verify()
        self.engine = Engine(model.core)
        self.engine.on_first_run = self._begin
        self.engine.on_exception = self._tell_exception
        self.engine.on_interrupt = self._tell_interrupt
        self._timer_intids = {
            "CNTV": timer_lines.virtual_intid,
            "CNTP": timer_lines.physical_intid,
        }
        self.timer = GenericTimer(
            clock=clock,
            virtual_line=timer_lines.virtual,
            physical_line=timer_lines.physical,
            on_change=on_timer_change,
            on_fire=self._tell_timer,
        )
        self.pmu = Pmu(clock)
        self._sys_regs = SysRegFile(
            self.engine,
            identity=self._identity,
            timer=self.timer,
            pmu=self.pmu,
            gic=gic,
        )
        self._reset_state = self.state()
        for name in _KEPT_BY_RESET:
            del self._reset_state.sys_regs[name]

    def has_sysreg(self, reg: SysReg) -> bool:
        """Whether there is such a register to get and set."""
        return self._sys_regs.has(reg)

    def get_sysreg(self, reg: SysReg) -> int:
        """What a monitor reads from a system register.

        Raises:
            IncompatibleError: this vCPU has no such register.
        """
        return self._sys_regs.get(reg)

    def set_sysreg(self, reg: SysReg, value: int) -> None:
        """Set what a system register holds, as a monitor does.

        Raises:
            IncompatibleError: this vCPU has no such register; or it is an ID register that promises
                what is refused, or differs from what the guest has run with.
        """
        self._sys_regs.set(reg, value)

    def get_ccsidr(self, selector: int) -> int:
        """CCSIDR_EL1 (32 bits) as it is with `selector` in CSSELR_EL1, whatever that holds.

        Raises:
            IncompatibleError: `selector` is not within 0 and 13.
        """
        return self._identity.ccsidr.get(check_selector(selector), 0)

    def set_ccsidr(self, selector: int, value: int) -> None:
        """Set CCSIDR_EL1 (32 bits) for `selector`. Raises as `get_ccsidr`."""
        self._identity.set_ccsidr(selector, value)

    def state(self) -> VcpuState:
        """The architectural state, right whatever exception level the guest is in."""
        engine = self.engine
        return VcpuState(
            x=list(engine.x[:31]),
            pc=engine.pc,
            pstate=engine.pstate,
            v=engine.get_v(),
            sys_regs={
                reg.name: self.get_sysreg(reg) for reg in SAVED_SYSREGS if self.has_sysreg(reg)
            },
        )

    def load_state(self, state: VcpuState) -> None:
        """Take over `state`. Registers that it leaves out keep what they hold.

        Raises:
            IncompatibleError: it is of an exception level that there is not, or has a register
                that this vCPU has not.
        """
        engine = self.engine
        engine.clear_transients()
        engine.set_x(state.x)
        engine.pc = state.pc
        engine.set_v(state.v)
        for name, value in state.sys_regs.items():
            self.set_sysreg(BY_NAME[name], value)
        engine.pstate = state.pstate

    def reset(self) -> None:
        """Reset the vCPU to what it was when it was made, MMU off and timers disabled.

        As KVM's CPU_ON does, it leaves alone what is the monitor's (the counters' offsets), and the
        GIC with the CPU interface (`kvm_reset_vcpu` in arch/arm64/kvm/reset.c, Linux 6.1).
        """
        self.load_state(self._reset_state)
        self.timer.update()

    def _begin(self) -> None:
        """Before the guest's first instruction: settle what it finds, and tell what it will not."""
        self._sys_regs.settle()
        line_words = 1 << CTR_EL0(self._identity.get("CTR_EL0")).IminLine
        self._domain.join(self.engine, code_line_bytes=4 * line_words)
        if self._events.active:
            for promise in self._identity.beyond():
                if promise.policy is Policy.IGNORE:
                    fields = promise.register, promise.field, promise.value
                    self._events.emit(FeatureIgnored(self.index, *fields))

    def _tell_exception(self, esr: int, elr: int) -> None:
        if self._events.active:
            self._events.emit(ExceptionTaken(vcpu=self.index, esr=esr, elr=elr))

    def _tell_interrupt(self, is_fiq: bool, elr: int) -> None:
        if self._events.active:
            self._events.emit(InterruptTaken(vcpu=self.index, is_fiq=is_fiq, elr=elr))

    def _tell_timer(self, name: str) -> None:
        if self._events.active:
            self._events.emit(TimerFired(vcpu=self.index, intid=self._timer_intids[name]))
