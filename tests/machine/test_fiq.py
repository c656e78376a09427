"""Group 0 interrupts reach the guest as FIQs."""

from __future__ import annotations

import struct

from emu.arch.gicv3 import GICR, GICR_SIZE_BYTES
from emu.arch.sysregs import BY_NAME
from emu.boards.squib import SQUIB
from emu.machine import Machine, Stop
from tests import a64
from tests.machine.conftest import VECTORS_OFFSET, Make

FIQ_VECTOR_OFFSET = 0x300
TIMER_PPI = SQUIB.timers.virtual


def give_timer_to_group_0(machine: Machine) -> None:
    """Enable the virtual timer's interrupt of vCPU 0 in group 0, and let group 0 through."""
    gic = machine.gic
    gic.distributor.write(0, 4, 0b11)
    for name, value in (("WAKER", 0), ("IGROUPR0", 0), ("ISENABLER0", 1 << TIMER_PPI)):
        gic.redistributors.write(GICR[f"GICR_{name}"] % GICR_SIZE_BYTES, 4, value)
    for name, value in (("PMR", 0xF0), ("IGRPEN0", 1), ("IGRPEN1", 1)):
        gic.cpu_interface(0)[f"ICC_{name}_EL1"].write(value)


def test_a_timer_in_group_0_ends_a_wfi_and_is_taken_as_fiq(make: Make) -> None:
    """The handler acknowledges it through ICC_IAR0_EL1."""
    machine = make(a64.WFI, a64.OPEN_FIQ, a64.B_SELF)
    handler = (a64.mrs(5, "ICC_IAR0_EL1"), a64.mrs(6, "ICC_IAR1_EL1"), a64.hvc())
    vector = SQUIB.kernel_base + VECTORS_OFFSET + FIQ_VECTOR_OFFSET
    machine.ram.write(vector, struct.pack("<3I", *handler))
    give_timer_to_group_0(machine)
    [vcpu] = machine.vcpus
    vcpu.timer.write("CNTV_CVAL_EL0", 1000)
    vcpu.timer.write("CNTV_CTL_EL0", 1)
    assert machine.run(4) is Stop.LIMIT
    assert machine.clock.count() == 1000
    assert (vcpu.engine.x[5], vcpu.engine.x[6]) == (TIMER_PPI, 1023)
    assert vcpu.get_sysreg(BY_NAME["ELR_EL1"]) == SQUIB.kernel_base + 8
    assert not vcpu.engine.interrupt_asserted
