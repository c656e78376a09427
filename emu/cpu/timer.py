"""The generic timer of one vCPU: virtual and physical timer over the system counter.

Source: DDI 0487 K.a, D12 (the generic timer) and D19.12 (its registers). The timers' outputs are
level-sensitive and follow their condition; the board says to which PPIs they go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from emu.arch.layouts import CNT_CTL, CNTKCTL_EL1
from emu.core.clock import VirtualClock
from emu.core.ports import IrqLine

_MASK64 = (1 << 64) - 1
_ENABLE = CNT_CTL.ENABLE.mask
_IMASK = CNT_CTL.IMASK.mask
_ISTATUS = CNT_CTL.ISTATUS.mask


class _Timer:
    """One comparator over a 64-bit count."""

    def __init__(self, count: Callable[[], int], line: IrqLine) -> None:
        self._count = count
        self._line = line
        self._ctl = 0
        self._cval = 0
        self._firing = False

    def condition(self) -> bool:
        """The timer condition: enabled, and the count has reached the compare value."""
        return bool(self._ctl & _ENABLE) and self._count() >= self._cval

    def update(self) -> bool:
        """Drive the line; whether it has just risen."""
        firing = self.condition() and not self._ctl & _IMASK
        risen = firing and not self._firing
        self._firing = firing
        self._line.set_level(firing)
        return risen

    def ticks_to_rise(self) -> int | None:
        """Ticks until the count reaches the compare value; None if the line won't rise by that."""
        if self._ctl & (_ENABLE | _IMASK) != _ENABLE or self.condition():
            return None
        return self._cval - self._count()

    def ticks_to_fall(self) -> int | None:
        """Ticks until the count wraps; None if the line is not high until then, or stays so."""
        if not self._cval or self._ctl & _IMASK or not self.condition():
            return None
        return _MASK64 + 1 - self._count()

    def read_ctl(self) -> int:
        return self._ctl | (_ISTATUS if self.condition() else 0)

    def write_ctl(self, value: int) -> None:
        self._ctl = value & (_ENABLE | _IMASK)

    def read_cval(self) -> int:
        return self._cval

    def write_cval(self, value: int) -> None:
        self._cval = value

    def read_tval(self) -> int:
        return (self._cval - self._count()) & 0xFFFF_FFFF

    def write_tval(self, value: int) -> None:
        signed = (value & 0xFFFF_FFFF ^ 0x8000_0000) - 0x8000_0000
        self._cval = (self._count() + signed) & _MASK64


class GenericTimer:
    """The virtual and the physical timer of one vCPU.

    Args:
        clock: gives the system counter.
        virtual_line: where the virtual timer's output goes (PPI 27 on every board here).
        physical_line: where the physical timer's output goes (PPI 30).
        on_change: called after each write that may move the next deadline.
        on_fire: told the register prefix (`CNTV` or `CNTP`) when a timer's line rises.
    """

    def __init__(
        self,
        *,
        clock: VirtualClock,
        virtual_line: IrqLine,
        physical_line: IrqLine,
        on_change: Callable[[], None],
        on_fire: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._on_fire = on_fire
        self._cntvoff = 0
        self._cntpoff = 0
        self._cntkctl = 0
        self._timers = {
            "CNTV": _Timer(self.virtual_count, virtual_line),
            "CNTP": _Timer(self.physical_count, physical_line),
        }

    def virtual_count(self) -> int:
        """CNTVCT_EL0: the system counter less CNTVOFF_EL2."""
        return (self._clock.count() - self._cntvoff) & _MASK64

    def physical_count(self) -> int:
        """CNTPCT_EL0: the system counter less CNTPOFF_EL2, as EL1 and EL0 see it."""
        return (self._clock.count() - self._cntpoff) & _MASK64

    def update(self) -> None:
        """Drive both lines as the time and the registers now demand."""
        for name, timer in self._timers.items():
            if timer.update():
                self._on_fire(name)

    def cycles_to_rise(self) -> int | None:
        """Cycles until a line rises by time alone; None if none will."""
        return self._soonest(timer.ticks_to_rise() for timer in self._timers.values())

    def cycles_to_change(self) -> int | None:
        """Cycles until a line rises or falls by time alone; None if none will."""
        falls = self._soonest(timer.ticks_to_fall() for timer in self._timers.values())
        changes = [cycles for cycles in (self.cycles_to_rise(), falls) if cycles is not None]
        return min(changes, default=None)

    def _soonest(self, ticks: Iterable[int | None]) -> int | None:
        left = [count for count in ticks if count is not None]
        return self._clock.cycles_until(min(left)) if left else None

    def read(self, name: str) -> int:
        """A timer register by name."""
        match name:
            case "CNTVCT_EL0":
                return self.virtual_count()
            case "CNTPCT_EL0":
                return self.physical_count()
            case "CNTVOFF_EL2":
                return self._cntvoff
            case "CNTPOFF_EL2":
                return self._cntpoff
            case "CNTKCTL_EL1":
                return self._cntkctl
        timer = self._timers[name[:4]]
        readers = {"CTL": timer.read_ctl, "CVAL": timer.read_cval, "TVAL": timer.read_tval}
        return readers[name[5:].removesuffix("_EL0")]()

    def write(self, name: str, value: int) -> None:
        """Write a timer register as the guest does: the lines follow at once."""
        self.load(name, value)
        self.update()
        self._on_change()

    def load(self, name: str, value: int) -> None:
        """Set a timer register as a monitor does: the lines follow when the vCPU runs.

        So it is on hypervisors; otherwise a control register that is set before its compare value
        would raise an interrupt that never was.
        """
        if name == "CNTVOFF_EL2":
            self._cntvoff = value
        elif name == "CNTPOFF_EL2":
            self._cntpoff = value
        elif name == "CNTKCTL_EL1":
            self._cntkctl = value
        else:
            timer = self._timers[name[:4]]
            writers = {"CTL": timer.write_ctl, "CVAL": timer.write_cval, "TVAL": timer.write_tval}
            writers[name[5:].removesuffix("_EL0")](value)

    def el0_allowed(self, name: str) -> bool:
        """Whether CNTKCTL_EL1 lets EL0 access this register."""
        control = CNTKCTL_EL1(self._cntkctl)
        allowed = {
            "CNTVCT_EL0": control.EL0VCTEN,
            "CNTPCT_EL0": control.EL0PCTEN,
            "CNTFRQ_EL0": control.EL0VCTEN | control.EL0PCTEN,
        }
        by_timer = control.EL0VTEN if name.startswith("CNTV") else control.EL0PTEN
        return bool(allowed.get(name, by_timer))
