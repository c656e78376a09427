"""Performance monitors of one vCPU: PMUv3 with the cycle counter and no event counters.

Source: DDI 0487 K.a, D13 and D19.5. Cycles are those of virtual time, so the count is the same on
every host; it runs on while the vCPU waits, and at every exception level (PMCCFILTR_EL0 is kept,
and filters nothing). The overflow interrupt is not wired on any board.
"""

from __future__ import annotations

from dataclasses import dataclass

from emu.arch.layouts import PMCR_EL0, PMUSERENR_EL0
from emu.core.ports import Clock

_CYCLE_COUNTER = 1 << 31
"""PMCCNTR_EL0's bit in the enable, overflow and interrupt-enable sets."""
_MASK64 = (1 << 64) - 1
_PMCR_WRITABLE = sum(f.mask for f in (PMCR_EL0.LC, PMCR_EL0.DP, PMCR_EL0.X, PMCR_EL0.D, PMCR_EL0.E))
_DIVIDER = 64
"""Cycles to a count when PMCR_EL0.D is set, and LC is not."""
_SELECT_CYCLE_COUNTER = 31
_CONSTANT = {
    "PMCEID0_EL0": 1 << 0x11,  # CPU_CYCLES
    "PMCEID1_EL0": 0,
    "PMXEVTYPER_EL0": 0,
    "PMXEVCNTR_EL0": 0,
    "PMSWINC_EL0": 0,
}
"""Registers that hold nothing, without event counters: what they read as."""
_STORED = {
    "PMCR_EL0": ("control", _PMCR_WRITABLE),
    "PMCCNTR_EL0": ("cycles", _MASK64),
    "PMCCFILTR_EL0": ("filter", 0xFC00_0000),
    "PMUSERENR_EL0": ("user_enable", 0xF),
    "PMSELR_EL0": ("select", 0x1F),
}
"""Registers that keep what is written: attribute of `_State` and writable bits."""
_SETS = {"PMCNTEN": "enabled", "PMOVS": "overflowed", "PMINTEN": "interrupt_enabled"}
"""Registers in pairs that set and clear bits: attribute of `_State`."""


@dataclass(slots=True)
class _State:
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
        self._state = _State()
        self._synced = clock.now()

    def read(self, name: str) -> int:
        """A register by name."""
        self._sync()
        name = self._selected(name)
        if name in _CONSTANT:
            return _CONSTANT[name]
        attribute = _STORED[name][0] if name in _STORED else _set_of(name)
        return int(getattr(self._state, attribute))

    def write(self, name: str, value: int) -> None:
        """Write a register as the guest does, with its side effects."""
        self._sync()
        name = self._selected(name)
        if name in _STORED:
            self._store(name, value)
        elif name not in _CONSTANT:
            old = getattr(self._state, _set_of(name))
            new = old & ~value if "CLR" in name else old | value & _CYCLE_COUNTER
            setattr(self._state, _set_of(name), new)
        if name == "PMCR_EL0" and value & PMCR_EL0.C.mask:
            self._state.cycles = 0

    def load(self, name: str, value: int) -> None:
        """Set what a register that holds state holds, as a monitor does: no side effects."""
        self._sync()
        if name in _STORED:
            self._store(name, value)
        else:
            setattr(self._state, _set_of(name), value & _CYCLE_COUNTER)

    def el0_allowed(self, name: str, is_read: bool) -> bool:
        """Whether PMUSERENR_EL0 lets EL0 read, or else write, this register."""
        user = PMUSERENR_EL0(self._state.user_enable)
        match name, is_read:
            case "PMUSERENR_EL0", True:
                return True
            case ("PMCCNTR_EL0", True) if user.CR:
                return True
            case ("PMXEVCNTR_EL0", True) | ("PMSELR_EL0", _) if user.ER:
                return True
            case ("PMSWINC_EL0", False) if user.SW:
                return True
        return bool(user.EN)

    def _selected(self, name: str) -> str:
        """What PMXEVTYPER_EL0 reaches: without event counters only the cycle counter's filter."""
        through = name == "PMXEVTYPER_EL0" and self._state.select == _SELECT_CYCLE_COUNTER
        return "PMCCFILTR_EL0" if through else name

    def _store(self, name: str, value: int) -> None:
        attribute, writable = _STORED[name]
        setattr(self._state, attribute, value & writable)

    def _sync(self) -> None:
        """Count the cycles since the last look."""
        then, self._synced = self._synced, self._clock.now()
        control = PMCR_EL0(self._state.control)
        if not (control.E and self._state.enabled & _CYCLE_COUNTER):
            return
        divider = _DIVIDER if control.D and not control.LC else 1
        counted = self._synced // divider - then // divider
        width = 64 if control.LC else 32
        low = self._state.cycles & ((1 << width) - 1)
        if (low + counted) >> width:
            self._state.overflowed |= _CYCLE_COUNTER
        self._state.cycles = (self._state.cycles + counted) & _MASK64


def _set_of(name: str) -> str:
    return _SETS[
        name.removesuffix("_EL0").removesuffix("_EL1").removesuffix("SET").removesuffix("CLR")
    ]
