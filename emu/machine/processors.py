"""The vCPUs of a machine: how one is made, and connected to what a board has for it."""

from __future__ import annotations

from collections.abc import Callable

from emu.boards.board import Board
from emu.core.clock import VirtualClock
from emu.core.events import EventStream
from emu.cpu import CpuModel, InnerShareableDomain, TimerLines, Vcpu
from emu.gic.gicv3 import GicV3


def make_vcpu(
    index: int,
    mpidr: int,
    *,
    board: Board,
    model: CpuModel,
    gic: GicV3,
    clock: VirtualClock,
    events: EventStream,
    domain: InnerShareableDomain,
    on_timer_change: Callable[[Vcpu], None],
) -> Vcpu:
    """A vCPU with its timers' lines and its GIC CPU interface.

    Args:
        index: which one.
        mpidr: its MPIDR_EL1.
        board: says of which interrupts the timers are, and what the ID registers hide.
        model: the processor.
        gic: the interrupt controller.
        clock: the machine's time.
        events: everything that happens.
        domain: what all vCPUs of the machine share.
        on_timer_change: told when a guest has programmed a timer.
    """
    timers = board.timers
    vcpu = Vcpu(
        index=index,
        mpidr=mpidr,
        clock=clock,
        events=events,
        timer_lines=TimerLines(
            virtual=gic.ppi(index, timers.virtual),
            virtual_intid=timers.virtual,
            physical=gic.ppi(index, timers.physical),
            physical_intid=timers.physical,
        ),
        gic=gic.cpu_interface(index),
        id_registers={
            **board.id_register_values(model),
            "CNTFRQ_EL0": board.counter_frequency_hz,
        },
        domain=domain,
        on_timer_change=lambda: on_timer_change(vcpu),
        model=model,
    )
    return vcpu
