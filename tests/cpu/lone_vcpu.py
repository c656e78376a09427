"""A vCPU without a machine around it: its lines are recorded, its GIC does nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from emu.arch.layouts import ESR_EL1
from emu.arch.sysregs import BY_NAME, SYSREGS, Model
from emu.core.clock import VirtualClock
from emu.core.events import EventStream
from emu.core.ram import Ram
from emu.cpu import MAX, CpuModel, InnerShareableDomain, TimerLines, Vcpu
from tests.cpu import bench as at

COUNTER_FREQUENCY_HZ = 24_000_000
MPIDR = 1 << 31


@dataclass
class Line:
    """An interrupt line that remembers its level, and how often it rose."""

    high: bool = False
    rises: int = 0

    def set_level(self, high: bool) -> None:
        self.rises += high and not self.high
        self.high = high

    def pulse(self) -> None:
        raise AssertionError("a timer's line is a level")


@dataclass
class Register:
    """A GIC register that keeps what is written."""

    value: int = 0

    def read(self) -> int:
        return self.value

    def write(self, value: int, /) -> None:
        self.value = value


@dataclass
class LoneVcpu:
    """A vCPU with the RAM of the engine's bench, at its code."""

    index: int = 0
    mpidr: int = MPIDR
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(cycles_per_tick=4))
    virtual: Line = field(default_factory=Line)
    physical: Line = field(default_factory=Line)
    model: CpuModel = MAX
    id_registers: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.events = EventStream(self.clock)
        self.gic = {reg.name: Register() for reg in SYSREGS if reg.model is Model.GIC}
        self.vcpu = Vcpu(
            index=self.index,
            mpidr=self.mpidr,
            clock=self.clock,
            events=self.events,
            timer_lines=TimerLines(self.virtual, 27, self.physical, 30),
            gic=self.gic,
            id_registers={"CNTFRQ_EL0": COUNTER_FREQUENCY_HZ, **self.id_registers},
            domain=InnerShareableDomain(1),
            on_timer_change=self._stop,
            model=self.model,
        )
        self.ram = Ram(at.RAM, at.RAM_SIZE_BYTES)
        self.vcpu.engine.map_ram(at.RAM, at.RAM_SIZE_BYTES, self.ram.host_address)
        self.vcpu.set_sysreg(BY_NAME["VBAR_EL1"], at.VECTORS)
        self._next = at.RAM + at.RAM_SIZE_BYTES // 2

    def _stop(self) -> None:
        self.vcpu.engine.stop()

    def esr(self) -> ESR_EL1:
        """The syndrome of the last exception."""
        return ESR_EL1(self.vcpu.get_sysreg(BY_NAME["ESR_EL1"]))

    def execute(self, word: int, *, pstate: int = at.EL1H) -> bool:
        """Execute one instruction; whether it ran, in place of raising an exception."""
        engine = self.vcpu.engine
        self.clock.begin_slice(engine.executed)
        engine.pc, engine.pstate = self._place(word), pstate
        expected = engine.pc + 4
        self.clock.end_slice(engine.run(1))
        return engine.pc == expected

    def _place(self, word: int) -> int:
        """Where the instruction is: not where code has run, or was fetched to be run."""
        self._next += 8
        self.ram.write(self._next, word.to_bytes(4, "little"))
        return self._next
