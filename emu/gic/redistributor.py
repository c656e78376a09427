"""A redistributor: one vCPU's SGIs and PPIs (IHI 0069, 3.1 and 12.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emu.arch.gicv3 import (
    GICR,
    GICR_CTLR,
    GICR_TYPER,
    GICR_WAKER,
    SGI_COUNT,
)
from emu.core.events import EventStream
from emu.gic import bank_registers
from emu.gic.frame import Reader, RegisterFrame, Writer
from emu.gic.identity import GICR_IIDR, PIDR2
from emu.gic.interrupts import InterruptBank
from emu.gic.lpi_registers import LpiBaseRegisters, LpiControl
from emu.gic.lpi_tables import LpiBases, sanitise_pendbaser
from emu.gic.lpis import Lpis
from emu.gic.state import RedistributorState, reset_private_interrupts

_CTLR: Final = int(GICR_CTLR().replace(IR=1, CES=1))
"""What KVM's virtual GIC says from revision 3 on (vgic_mmio_read_v3r_ctlr in
arch/arm64/kvm/vgic/vgic-mmio-v3.c, Linux 6.1): how LPIs could be invalidated and disabled."""

_ASLEEP: Final = int(GICR_WAKER().replace(ProcessorSleep=1, ChildrenAsleep=1))


class Redistributor:
    """One vCPU's private interrupts, and the frames of its GICR_* registers.

    Without LPIs GICR_TYPER.PLPIS is 0, and the registers that only LPIs need read as zero and
    ignore writes.

    Args:
        vcpu: index of the vCPU.
        affinity: its affinity, laid out as in GICD_IROUTER<n>.
        last: whether its frames are the last in the region.
        bases: where the tables of LPIs are.
        lpis: the LPIs of all vCPUs, if there are any.
        events: where pending interrupts are reported.
        update: called when what the vCPU is signalled may have changed.

    Attributes:
        bank: the SGIs and PPIs.
        asleep: GICR_WAKER.ProcessorSleep: nothing is forwarded to the CPU interface. Of the
            architecture it is 1 after reset; here it is 0, as a guest of KVM finds it
            (GICR_WAKER is zero and ignores writes: vgic_v3_rd_registers in
            arch/arm64/kvm/vgic/vgic-mmio-v3.c, Linux 6.1), and some never write it.
        base_registers: where the tables of LPIs are; without LPIs they are a VMM's alone.
        readers: the guest's read functions of the registers, by name.
        writers: the guest's write functions.
        frame: the memory-mapped registers.
    """

    def __init__(
        self,
        *,
        vcpu: int,
        affinity: int,
        last: bool,
        bases: LpiBases,
        lpis: Lpis | None,
        events: EventStream,
        update: Callable[[], None],
    ) -> None:
        self._vcpu = vcpu
        self._update = update
        self._bases = bases
        self._lpis = lpis
        self.bank = InterruptBank(
            0,
            reset_private_interrupts(),
            events=events,
            vcpu=vcpu,
            changed=lambda _: update(),
            lineless=(1 << SGI_COUNT) - 1,
        )
        self.asleep = False
        self.base_registers = LpiBaseRegisters(vcpu, bases, lpis)
        typer = int(_typer(vcpu, affinity, last).replace(PLPIS=int(lpis is not None)))
        self.readers: dict[str, Reader] = {
            **bank_registers.readers(self.bank, "GICR_", "0"),
            "GICR_CTLR": lambda _: _CTLR,
            "GICR_IIDR": lambda _: GICR_IIDR,
            "GICR_TYPER": lambda _: typer,
            "GICR_WAKER": lambda _: _ASLEEP if self.asleep else 0,
            "GICR_PIDR2": lambda _: PIDR2,
        }
        self.writers: dict[str, Writer] = {
            **bank_registers.writers(self.bank, "GICR_", "0"),
            "GICR_WAKER": self._write_waker,
        }
        if lpis is not None:
            control = LpiControl(vcpu, bases, lpis, _CTLR)
            self.readers |= self.base_registers.readers | control.readers
            self.writers |= self.base_registers.writers | control.writers
        self.frame = RegisterFrame(GICR, self.readers, self.writers, self.base_registers.held)

    def pend_sgi(self, intid: int, groups: int) -> None:
        """Make an SGI pending if it is configured to be in one of `groups`."""
        if groups >> self.bank.group_of(intid) & 1:
            self.bank.pend(intid)

    def state(self) -> RedistributorState:
        """The redistributor's state."""
        return RedistributorState(
            self.bank.state(),
            waker=int(GICR_WAKER().replace(ProcessorSleep=int(self.asleep))),
            pendbaser=self._bases.pendbasers[self._vcpu],
            ctlr=int(GICR_CTLR().replace(EnableLPIs=int(self._lpis_enabled))),
        )

    def load_state(self, state: RedistributorState) -> None:
        """Take on `state` without signalling anything."""
        self.bank.load_state(state.interrupts)
        self.asleep = bool(GICR_WAKER(state.waker).ProcessorSleep)
        self._bases.pendbasers[self._vcpu] = sanitise_pendbaser(state.pendbaser)
        if self._lpis is not None:
            self._lpis.enabled[self._vcpu] = bool(GICR_CTLR(state.ctlr).EnableLPIs)

    @property
    def _lpis_enabled(self) -> bool:
        return self._lpis is not None and self._lpis.enabled[self._vcpu]

    def _write_waker(self, _: int, value: int) -> None:
        # The CPU interface follows at once, so ChildrenAsleep is always equal to ProcessorSleep.
        self.asleep = bool(GICR_WAKER(value).ProcessorSleep)
        self._update()


def _typer(vcpu: int, affinity: int, last: bool) -> GICR_TYPER:
    return GICR_TYPER().replace(
        Aff3=affinity >> 32,
        Aff2=affinity >> 16 & 0xFF,
        Aff1=affinity >> 8 & 0xFF,
        Aff0=affinity & 0xFF,
        Processor_Number=vcpu,
        Last=int(last),
    )
