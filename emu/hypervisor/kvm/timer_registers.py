"""The generic timer as one_reg.

A VMM sets counts, not offsets: KVM takes the host's counter less that count as the offset. It has
one offset of each counter for the whole VM, so a count that is set on one vCPU is set on all; in
Linux before 6.4 too, where `update_vtimer_cntvoff` goes through all vCPUs.

The ids of CNTVCT_EL0 and CNTV_CVAL_EL0 are swapped; `emu.arch.one_reg` has them so.

Sources: kvm_arm_timer_get_reg and kvm_arm_timer_set_reg in arch/arm64/kvm/arch_timer.c of
amazonlinux/linux (5.10, 6.1); arch_timer_get_user and arch_timer_set_user in sys_regs.c, Linux
6.18.
"""

from __future__ import annotations

from functools import partial

from emu.arch.layouts import CNT_CTL
from emu.arch.sysregs import BY_NAME
from emu.cpu import Vcpu
from emu.hypervisor.kvm.access import Access, Accesses
from emu.hypervisor.kvm.host import Change
from emu.hypervisor.kvm.vm_state import VmState

_MASK64 = (1 << 64) - 1
_COUNTERS = {"CNTV": ("CNTVCT_EL0", "CNTVOFF_EL2"), "CNTP": ("CNTPCT_EL0", "CNTPOFF_EL2")}
"""The count and the offset of each timer."""


def timer_registers(vcpu: Vcpu, vm: VmState) -> Accesses:
    """Count, control and compare value of both timers."""
    accesses: dict[str, Access] = {}
    for timer, (count, offset) in _COUNTERS.items():
        read_count = partial(vcpu.get_sysreg, BY_NAME[count])
        accesses[count] = Access(read_count, partial(set_offset, vm, offset))
        ctl, cval = BY_NAME[f"{timer}_CTL_EL0"], BY_NAME[f"{timer}_CVAL_EL0"]
        accesses[cval.name] = Access(partial(vcpu.get_sysreg, cval), partial(vcpu.set_sysreg, cval))
        read_ctl = partial(vcpu.get_sysreg, ctl)
        if not vm.host.has(Change.TIMERS_ARE_SYSREGS):
            read_ctl = partial(_control, vcpu, timer)
        accesses[ctl.name] = Access(read_ctl, partial(vcpu.set_sysreg, ctl))
    return accesses


def set_offset(vm: VmState, offset: str, count: int) -> None:
    """Let a counter of all vCPUs go on from `count`."""
    value = (vm.machine.clock.count() - count) & _MASK64
    for vcpu in vm.vcpus:
        vcpu.set_sysreg(BY_NAME[offset], value)


def _control(vcpu: Vcpu, timer: str) -> int:
    """ISTATUS tells of the count alone, whatever ENABLE is (`read_timer_ctl`)."""
    control = vcpu.get_sysreg(BY_NAME[f"{timer}_CTL_EL0"])
    count = vcpu.get_sysreg(BY_NAME[_COUNTERS[timer][0]])
    reached = count >= vcpu.get_sysreg(BY_NAME[f"{timer}_CVAL_EL0"])
    return CNT_CTL(control).replace(ISTATUS=reached).value
