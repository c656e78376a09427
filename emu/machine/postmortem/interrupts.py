"""The GIC's interrupts that are not as a reset leaves them, and what keeps back the pending ones.

Source: IHI 0069 H, 4.7 and 4.8, for what it takes to be signalled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from emu.arch.gicv3 import (
    AFFINITY_MASK,
    GICR_CTLR,
    GICR_WAKER,
    ICC_CTLR_EL1,
    IDLE_PRIORITY,
    LPI_FIRST,
    PRIORITY_MASK,
    PRIVATE_COUNT,
    SPI_FIRST,
    LpiConfiguration,
)
from emu.arch.layouts import PState
from emu.gic.state import BankState, GicState, LpiState, reset_private_interrupts, reset_spis
from emu.machine.machine import Machine
from emu.machine.postmortem.vcpus import VcpuReport


@dataclass(frozen=True, slots=True)
class InterruptReport:
    """One interrupt.

    Attributes:
        vcpu: whose SGI or PPI it is; None for an SPI or an LPI.
        group: 0 or 1.
        latch: pending because of an edge, an SGI or a register write.
        line: level of its input.
        edge: edge-triggered.
        priority: 8 bits, lower is more urgent.
        target: index of the vCPU that it goes to; None if the board has none there, or an LPI's
            collection has none.
        obstacles: why it is not taken at present, if it is pending; empty if it is signalled.
    """

    intid: int
    vcpu: int | None
    group: int
    enabled: bool
    latch: bool
    line: bool
    active: bool
    edge: bool
    priority: int
    target: int | None
    obstacles: tuple[str, ...] = ()

    @property
    def pending(self) -> bool:
        """Latched, or level-sensitive with its line high (IHI 0069, 4.1.2)."""
        return self.latch or (self.line and not self.edge)


def examine_interrupts(
    machine: Machine, vcpus: tuple[VcpuReport, ...]
) -> tuple[InterruptReport, ...]:
    """All interrupts that are not in their reset state: of each vCPU, then the SPIs, and the LPIs
    that events are translated to.
    """
    gic = machine.gic.state()
    by_affinity = {vcpu.mpidr & AFFINITY_MASK: vcpu.index for vcpu in vcpus}
    routes = [by_affinity.get(route & AFFINITY_MASK) for route in gic.distributor.irouter]
    shared = _Bank(None, SPI_FIRST, gic.distributor.spis, reset_spis(len(routes)), routes)
    private = [
        _Bank(vcpu, 0, own.interrupts, reset_private_interrupts(), [vcpu] * PRIVATE_COUNT)
        for vcpu, own in enumerate(gic.redistributors)
    ]
    reports = [
        bank.report(number, line)
        for bank in [*private, shared]
        for line in [machine.gic.interrupts(bank.vcpu).line]
        for number in bank.changed(line)
    ]
    lpis = gic.its.lpis if gic.its is not None else []
    return tuple(
        replace(report, obstacles=tuple(_obstacles(report, gic, vcpus)))
        for report in (*reports, *map(_report_lpi, lpis))
    )


@dataclass(frozen=True, slots=True)
class _Bank:
    """A bank's state, with what it is after a reset, and the vCPU that each interrupt goes to."""

    vcpu: int | None
    first_intid: int
    state: BankState
    reset: BankState
    targets: Sequence[int | None]

    def changed(self, line: int) -> Iterator[int]:
        """The interrupts, by their place in the bank, that differ from a reset."""
        state, reset = self.state, self.reset
        bits = (
            line
            | state.group ^ reset.group
            | state.enabled ^ reset.enabled
            | state.pending_latch ^ reset.pending_latch
            | state.active ^ reset.active
            | state.edge ^ reset.edge
        )
        for number, priorities in enumerate(zip(state.priority, reset.priority, strict=True)):
            if bits >> number & 1 or priorities[0] != priorities[1]:
                yield number

    def report(self, number: int, line: int) -> InterruptReport:
        """One interrupt, without its obstacles."""
        state = self.state

        def has(bits: int) -> bool:
            return bool(bits >> number & 1)

        return InterruptReport(
            intid=self.first_intid + number,
            vcpu=self.vcpu,
            group=int(has(state.group)),
            enabled=has(state.enabled),
            latch=has(state.pending_latch),
            line=has(line),
            active=has(state.active),
            edge=has(state.edge),
            priority=state.priority[number],
            target=self.targets[number],
        )


def _report_lpi(lpi: LpiState) -> InterruptReport:
    """An LPI, without its obstacles. It is in group 1, and never active."""
    return InterruptReport(
        intid=lpi.intid,
        vcpu=None,
        group=1,
        enabled=bool(LpiConfiguration(lpi.configuration).Enable),
        latch=lpi.pending,
        line=False,
        active=False,
        edge=True,
        priority=lpi.configuration & PRIORITY_MASK,
        target=lpi.vcpu,
    )


def _obstacles(
    report: InterruptReport, gic: GicState, vcpus: tuple[VcpuReport, ...]
) -> Iterator[str]:
    """What keeps a pending interrupt from being taken."""
    if not report.pending:
        return
    is_lpi = report.intid >= LPI_FIRST
    if report.target is None:
        yield (
            "its collection has no vCPU" if is_lpi else "GICD_IROUTER names no vCPU of this machine"
        )
        return
    vcpu, group, priority = vcpus[report.target], report.group, report.priority
    icc = vcpu.cpu_interface
    pmr, running, mask = icc["ICC_PMR_EL1"], icc["ICC_RPR_EL1"], _preemption_mask(icc, group)
    waker, pstate = GICR_WAKER(gic.redistributors[vcpu.index].waker), PState(vcpu.pstate)
    gicr_ctlr = GICR_CTLR(gic.redistributors[vcpu.index].ctlr)
    kept_back = {
        "GICR_CTLR.EnableLPIs is 0": is_lpi and not gicr_ctlr.EnableLPIs,
        "not enabled": not report.enabled,
        "active already": report.active,
        f"GICD_CTLR.EnableGrp{group} is 0": not gic.distributor.ctlr >> group & 1,
        f"ICC_IGRPEN{group}_EL1 is 0": not icc[f"ICC_IGRPEN{group}_EL1"] & 1,
        "GICR_WAKER.ProcessorSleep is 1": waker.ProcessorSleep,
        f"ICC_PMR_EL1 is {pmr:#x}": priority >= pmr,
        f"ICC_RPR_EL1 is {running:#x}": running != IDLE_PRIORITY
        and priority & mask >= running & mask,
        f"PSTATE.{'I' if group else 'F'} is 1": pstate.I if group else pstate.F,
    }
    yield from (obstacle for obstacle, holds in kept_back.items() if holds)


def _preemption_mask(icc: dict[str, int], group: int) -> int:
    """The bits of a priority that decide about preemption, by the binary point (IHI 0069, 4.8.3).

    In a single security state ICC_BPR1_EL1 counts from one bit lower than ICC_BPR0_EL1.
    """
    own_point = group and not ICC_CTLR_EL1(icc["ICC_CTLR_EL1"]).CBPR
    point = icc["ICC_BPR1_EL1"] if own_point else icc["ICC_BPR0_EL1"] + 1
    return 0xFF & 0xFF << point
