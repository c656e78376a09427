"""What a guest does to be interrupted by its timer, done from outside, for vCPU 0."""

from __future__ import annotations

from emu.machine import Machine


def start_timer(machine: Machine, ticks: int) -> None:
    """Let the virtual timer expire after so many ticks from a whole tick on."""
    timer = machine.vcpus[0].timer
    timer.write("CNTV_TVAL_EL0", ticks)
    timer.write("CNTV_CTL_EL0", 1)


def open_gic(machine: Machine, intid: int) -> None:
    """Let a private interrupt through to the vCPU."""
    machine.gic.distributor.write(0x0, 4, 0x2)
    machine.gic.redistributors.write(0x14, 4, 0)  # GICR_WAKER
    machine.gic.redistributors.write(0x1_0080, 4, 1 << intid)  # GICR_IGROUPR0
    machine.gic.redistributors.write(0x1_0100, 4, 1 << intid)  # GICR_ISENABLER0
    for name, value in (("ICC_PMR_EL1", 0xFF), ("ICC_IGRPEN1_EL1", 1)):
        machine.gic.cpu_interface(0)[name].write(value)
