"""Performance monitors of one vCPU: PMUv3 with the cycle counter and no event counters.

Source: DDI 0487 K.a, D13 and D19.5. Cycles are those of virtual time, so the count is the same on
every host; it runs on while the vCPU waits. The overflow interrupt is not wired on any board.
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.arch.layouts import PMCR_EL0, PMUSERENR_EL0
from emu.core.ports import Clock

_CYCLE_COUNTER = 1 << 31
"""PMCCNTR_EL0's bit in the enable, overflow and interrupt-enable sets."""
_MASK64 = (1 << 64) - 1
_PMCR_WRITABLE = sum(f.mask for f in (PMCR_EL0.LC, PMCR_EL0.DP, PMCR_EL0.X, PMCR_EL0.D, PMCR_EL0.E))
_EVENT_CPU_CYCLES = 1 << 0x11
_STORED = {
    "PMCCFILTR_EL0": ("filter", 0xFC00_0000),
    "PMUSERENR_EL0": ("user_enable", 0xF),
    "PMSELR_EL0": ("select", 0x1F),
}
"""Registers that only keep what is written: attribute of `PmuState` and writable bits."""
_SETS = {"PMCNTEN": "enabled", "PMOVS": "overflowed", "PMINTEN": "interrupt_enabled"}
"""Registers in pairs that set and clear bits: attribute of `PmuState`."""


@dataclass(slots=True)
class PmuState:
    """All that the performance monitors hold, a field a register."""

    control: int = 0
    cycles: int = 0
    filter: int = 0
    user_enable: int = 0
    enabled: int = 0
    overflowed: int = 0
    select: int = 0
    interrupt_enabled: int = 0


class Pmu:
    """The performance monitors of one vCPU."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = PmuState()
        self._synced = clock.now()

    def read(self, name: str) -> int:
        """A register by name."""
        self._sync()
        if name in _STORED:
            return int(getattr(self._state, _STORED[name][0]))
        match name:
            case "PMCR_EL0":
                return self._state.control
            case "PMCCNTR_EL0":
                return self._state.cycles
            case "PMCEID0_EL0":
                return _EVENT_CPU_CYCLES
            case "PMCEID1_EL0":
                return 0
        return int(getattr(self._state, _set_of(name)))

    def write(self, name: str, value: int) -> None:
        """Write a register as the guest does, with its side effects."""
        self._sync()
        if name == "PMCR_EL0":
            self._state.control = value & _PMCR_WRITABLE
            if value & PMCR_EL0.C.mask:
                self._state.cycles = 0
        elif name.endswith(("SET_EL0", "SET_EL1")):
            old = getattr(self._state, _set_of(name))
            setattr(self._state, _set_of(name), old | value & _CYCLE_COUNTER)
        elif name.endswith(("CLR_EL0", "CLR_EL1")):
            old = getattr(self._state, _set_of(name))
            setattr(self._state, _set_of(name), old & ~value)
        else:
            self.load(name, value)

    def load(self, name: str, value: int) -> None:
        """Set what a register holds, as a monitor does: no side effects."""
        self._sync()
        if name in _STORED:
            attribute, writable = _STORED[name]
            setattr(self._state, attribute, value & writable)
        elif name == "PMCR_EL0":
            self._state.control = value & _PMCR_WRITABLE
        elif name == "PMCCNTR_EL0":
            self._state.cycles = value & _MASK64
        else:
            setattr(self._state, _set_of(name), value & _CYCLE_COUNTER)

    def el0_allowed(self, name: str) -> bool:
        """Whether PMUSERENR_EL0 lets EL0 access this register."""
        control = PMUSERENR_EL0(self._state.user_enable)
        return bool(control.EN or (control.CR and name == "PMCCNTR_EL0"))

    def state(self) -> PmuState:
        """All that the monitors hold, brought up to date."""
        self._sync()
        return PmuState(**{name: getattr(self._state, name) for name in PmuState.__slots__})

    def load_state(self, state: PmuState) -> None:
        """Take over `state`, counting on from now."""
        self._synced = self._clock.now()
        self._state = PmuState(**{name: getattr(state, name) for name in PmuState.__slots__})

    def _sync(self) -> None:
        """Count the cycles since the last look."""
        now = self._clock.now()
        elapsed, self._synced = now - self._synced, now
        if not (self._state.control & PMCR_EL0.E.mask and self._state.enabled & _CYCLE_COUNTER):
            return
        width = 64 if self._state.control & PMCR_EL0.LC.mask else 32
        low = self._state.cycles & ((1 << width) - 1)
        if (low + elapsed) >> width:
            self._state.overflowed |= _CYCLE_COUNTER
        self._state.cycles = (self._state.cycles + elapsed) & _MASK64


def _set_of(name: str) -> str:
    return _SETS[
        name.removesuffix("_EL0").removesuffix("_EL1").removesuffix("SET").removesuffix("CLR")
    ]
