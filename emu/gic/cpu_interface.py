"""A CPU interface: what one vCPU is signalled, and its ICC_* registers (IHI 0069, 12.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from emu.arch.gicv3 import (
    ICC_CTLR_EL1,
    ICC_SRE_EL1,
    IDLE_PRIORITY,
    INTID_SPURIOUS,
    PRIORITY_BITS,
    PRIORITY_MASK,
)
from emu.core.events import EventStream, IrqAcknowledged, IrqDeactivated, IrqEnded
from emu.core.ports import IrqSink, SysRegPort
from emu.gic.interrupts import GROUP_0, GROUP_1, NOTHING, Interrupts, Ranked, Source
from emu.gic.state import CpuInterfaceState

_SRE: Final = int(ICC_SRE_EL1().replace(SRE=1, DFB=1, DIB=1))
"""Only system register access, and no bypass to legacy interrupt signals."""

_BPR_MIN: Final = (7 - PRIORITY_BITS, 8 - PRIORITY_BITS)
"""Lowest binary points: with these, every implemented priority bit is group priority."""

_BPR_MAX: Final = 7

_INTID_MASK: Final = 0xFF_FFFF

SgiSender = Callable[[int, int], None]
"""Sends the SGI that an ICC_SGIR value asks for, to where it is in one of a set of groups."""


@dataclass(frozen=True, slots=True)
class Port:
    """A register made of two functions, as a `SysRegPort`."""

    read: Callable[[], int]
    write: Callable[[int], None]


class CpuInterface:
    """The CPU interface of one vCPU.

    The active-priority registers alone say which priorities are active; the running priority is
    derived from them, so that it survives a save, and a guest may write them.

    Args:
        vcpu: index of the vCPU.
        sources: where its interrupts come from.
        forwarded: the set of groups of which interrupts are forwarded to it at present.
        range_selector: whether SGIs to it may need the range selector (ICC_CTLR_EL1.RSS).
        events: where acknowledged, ended and deactivated interrupts are reported.
        irq: the vCPU's IRQ input, to which interrupts of group 1 are signalled.
        fiq: the vCPU's FIQ input, to which interrupts of group 0 are signalled.
        send_sgi: sends an SGI that the vCPU asked for.
    """

    def __init__(
        self,
        *,
        vcpu: int,
        sources: Sequence[Source],
        forwarded: Callable[[], int],
        range_selector: bool,
        events: EventStream,
        irq: IrqSink,
        fiq: IrqSink,
        send_sgi: SgiSender,
    ) -> None:
        self._vcpu = vcpu
        self._sources = tuple(sources)
        self._forwarded = forwarded
        self._events = events
        self._inputs = (fiq, irq)
        self._send_sgi = send_sgi
        self._ctlr_fixed = int(
            ICC_CTLR_EL1().replace(PRIbits=PRIORITY_BITS - 1, A3V=1, RSS=int(range_selector))
        )
        self._highest = NOTHING
        self._signalled: int | None = None
        self._groups = 0
        self._pmr = 0
        self._eoimode = 0
        self._cbpr = 0
        self._bpr = list(_BPR_MIN)
        self._apr = [0, 0]

    # --- what is signalled --------------------------------------------------------------------

    def update(self) -> None:
        """Find the highest priority pending interrupt, and drive the vCPU's inputs accordingly.

        It is signalled as FIQ if it is in group 0, as IRQ if in group 1: never as both (IHI 0069,
        4.6.2: with one security state it does not depend on the exception level).
        """
        self._highest = self._highest_pending()
        signalled = self._group_of(self._highest[1]) if self._preempts(self._highest) else None
        before, self._signalled = self._signalled, signalled
        if before == signalled:
            return
        if before is not None:
            self._inputs[before](False)
        if signalled is not None:
            self._inputs[signalled](True)

    def _highest_pending(self) -> Ranked:
        """IHI 0069, 4.7: interrupts of a group that is disabled anywhere don't count."""
        groups = self._groups & self._forwarded()
        if not groups:
            return NOTHING
        return min(source.highest(groups) for source in self._sources)

    def _preempts(self, interrupt: Ranked) -> bool:
        """Whether an interrupt passes the mask and preempts what runs (IHI 0069, 4.8)."""
        priority, intid = interrupt
        if priority >= self._pmr:
            return False
        if not self._apr[0] | self._apr[1]:
            return True
        mask = self._group_priority_mask(self._group_of(intid))
        return priority & mask < self.running_priority() & mask

    def _group_priority_mask(self, group: int | None) -> int:
        """The bits of a priority that decide about preemption (IHI 0069, 4.8, priority grouping).

        In a single security state ICC_BPR1_EL1 counts from one bit lower than ICC_BPR0_EL1.
        """
        point = self._bpr[1] if group and not self._cbpr else self._bpr[0] + 1
        return 0xFF & (0xFF << point)

    def _interrupts(self, intid: int) -> Interrupts | None:
        """Those that `intid` is one of; None if there is no such interrupt."""
        for source in self._sources:
            if intid in source.interrupts:
                return source.interrupts
        return None

    def _group_of(self, intid: int) -> int | None:
        """The group of an interrupt; None if there is no such interrupt."""
        interrupts = self._interrupts(intid)
        return None if interrupts is None else interrupts.group_of(intid)

    # --- acknowledge, end, deactivate ---------------------------------------------------------

    def running_priority(self) -> int:
        """ICC_RPR_EL1: the highest active group priority, 0xFF if nothing is active."""
        active = self._apr[0] | self._apr[1]
        if not active:
            return IDLE_PRIORITY
        return ((active & -active).bit_length() - 1) << (8 - PRIORITY_BITS)

    def acknowledge(self, group: int) -> int:
        """ICC_IAR<group>_EL1: the INTID of the signalled interrupt, which becomes active.

        It is spurious if nothing is signalled, or an interrupt of the other group.
        """
        priority, intid = self._highest
        interrupts = self._interrupts(intid)
        if self._signalled != group or interrupts is None:
            return INTID_SPURIOUS
        level = (priority & self._group_priority_mask(group)) >> (8 - PRIORITY_BITS)
        self._apr[group] |= 1 << level
        interrupts.acknowledge(intid)
        if self._events.active:
            self._events.emit(IrqAcknowledged(intid, self._vcpu))
        return intid

    def highest_pending_intid(self, group: int) -> int:
        """ICC_HPPIR<group>_EL1: the highest priority pending interrupt if it is in `group`.

        Neither the priority mask nor what is active matters to it.
        """
        intid = self._highest[1]
        return intid if self._group_of(intid) == group else INTID_SPURIOUS

    def end(self, group: int, value: int) -> None:
        """ICC_EOIR<group>_EL1: drop the running priority, and deactivate if EOImode is 0.

        Where the architecture makes a write UNPREDICTABLE, because the highest active priority
        is not one of this group, the write is ignored.
        """
        intid = value & _INTID_MASK
        interrupts = self._interrupts(intid)
        if interrupts is None or self._highest_active_group() != group:
            return
        self._apr[group] &= self._apr[group] - 1
        if self._events.active:
            self._events.emit(IrqEnded(intid, self._vcpu))
        if not self._eoimode:
            interrupts.deactivate(intid)
        self.update()

    def _highest_active_group(self) -> int | None:
        lowest = [active & -active for active in self._apr]
        if not any(lowest):
            return None
        return int(not lowest[0] or 0 < lowest[1] < lowest[0])

    def deactivate(self, value: int) -> None:
        """ICC_DIR_EL1: deactivate. Ignored if EOImode is 0, which the architecture permits."""
        intid = value & _INTID_MASK
        interrupts = self._interrupts(intid)
        if not self._eoimode or interrupts is None or not interrupts.deactivate(intid):
            return
        if self._events.active:
            self._events.emit(IrqDeactivated(intid, self._vcpu))

    # --- plain registers ----------------------------------------------------------------------

    def _read_ctlr(self) -> int:
        return self._ctlr_fixed | self._ctlr()

    def _ctlr(self) -> int:
        return int(ICC_CTLR_EL1().replace(EOImode=self._eoimode, CBPR=self._cbpr))

    def _set_ctlr(self, value: int) -> None:
        ctlr = ICC_CTLR_EL1(value)
        self._eoimode = ctlr.EOImode
        self._cbpr = ctlr.CBPR

    def _read_bpr1(self) -> int:
        """With CBPR set, group 1's binary point follows group 0's (IHI 0069, 12.2.5)."""
        return min(self._bpr[0] + 1, _BPR_MAX) if self._cbpr else self._bpr[1]

    def _write_bpr1(self, value: int) -> None:
        if not self._cbpr:
            self._set_bpr(1, value)

    def _set_bpr(self, group: int, value: int) -> None:
        self._bpr[group] = max(value & _BPR_MAX, _BPR_MIN[group])

    def _set_pmr(self, value: int) -> None:
        self._pmr = value & PRIORITY_MASK

    def _set_apr(self, group: int, value: int) -> None:
        self._apr[group] = value & 0xFFFF_FFFF

    def _set_igrpen(self, group: int, value: int) -> None:
        self._groups = self._groups & ~(1 << group) | (value & 1) << group

    def ports(self) -> dict[str, SysRegPort]:
        """The ICC_* registers by name.

        A write-only register reads as zero and a read-only one ignores writes here; that such an
        access is UNDEFINED is the CPU's business. With 5 priority bits there is one active-priority
        register per group; the others, AP<group>R1 to 3, don't exist.
        """
        ports: dict[str, SysRegPort] = {
            "ICC_PMR_EL1": self._port(lambda: self._pmr, self._set_pmr),
            "ICC_RPR_EL1": _read_only(self.running_priority),
            "ICC_DIR_EL1": _write_only(self.deactivate),
            "ICC_CTLR_EL1": self._port(self._read_ctlr, self._set_ctlr),
            "ICC_SRE_EL1": _read_only(lambda: _SRE),
            "ICC_BPR0_EL1": self._port(lambda: self._bpr[0], partial(self._set_bpr, 0)),
            "ICC_BPR1_EL1": self._port(self._read_bpr1, self._write_bpr1),
            # With one security state SGI1R reaches SGIs of either group, and ASGI1R is as SGI0R
            # (access_gic_sgi in arch/arm64/kvm/sys_regs.c, Linux 6.6, says why).
            "ICC_SGI0R_EL1": _write_only(partial(self._sgi, GROUP_0)),
            "ICC_SGI1R_EL1": _write_only(partial(self._sgi, GROUP_0 | GROUP_1)),
            "ICC_ASGI1R_EL1": _write_only(partial(self._sgi, GROUP_0)),
        }
        for group in (0, 1):
            ports |= self._ports_of_group(group)
        return ports

    def _ports_of_group(self, group: int) -> dict[str, SysRegPort]:
        return {
            f"ICC_IAR{group}_EL1": _read_only(partial(self.acknowledge, group)),
            f"ICC_EOIR{group}_EL1": _write_only(partial(self.end, group)),
            f"ICC_HPPIR{group}_EL1": _read_only(partial(self.highest_pending_intid, group)),
            f"ICC_AP{group}R0_EL1": self._port(
                lambda: self._apr[group], partial(self._set_apr, group)
            ),
            f"ICC_IGRPEN{group}_EL1": self._port(
                lambda: self._groups >> group & 1, partial(self._set_igrpen, group)
            ),
        }

    def _port(self, read: Callable[[], int], store: Callable[[int], None]) -> Port:
        """A register that decides about signalling: what is signalled follows each write."""

        def write(value: int) -> None:
            store(value)
            self.update()

        return Port(read, write)

    def _sgi(self, groups: int, value: int) -> None:
        self._send_sgi(value, groups)

    # --- state --------------------------------------------------------------------------------

    def state(self) -> CpuInterfaceState:
        """The CPU interface's state."""
        return CpuInterfaceState(
            ctlr=self._ctlr(),
            pmr=self._pmr,
            bpr0=self._bpr[0],
            bpr1=self._bpr[1],
            ap0r0=self._apr[0],
            ap1r0=self._apr[1],
            igrpen0=self._groups & 1,
            igrpen1=self._groups >> 1,
        )

    def load_state(self, state: CpuInterfaceState) -> None:
        """Take on `state`, as the registers would keep it, without signalling anything."""
        self._set_ctlr(state.ctlr)
        self._set_pmr(state.pmr)
        self._set_bpr(0, state.bpr0)
        self._set_bpr(1, state.bpr1)
        self._set_apr(0, state.ap0r0)
        self._set_apr(1, state.ap1r0)
        self._set_igrpen(0, state.igrpen0)
        self._set_igrpen(1, state.igrpen1)


def _read_only(read: Callable[[], int]) -> Port:
    return Port(read, lambda _: None)


def _write_only(write: Callable[[int], None]) -> Port:
    return Port(lambda: 0, write)
