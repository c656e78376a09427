"""System registers as one_reg: the processor's, and those that KVM keeps beside it.

Source: `sys_reg_descs` in arch/arm64/kvm/sys_regs.c of Linux 6.1; the rule of OSLSR_EL1 is
`set_oslsr_el1` there.
"""

from __future__ import annotations

from functools import partial

from emu.arch import one_reg
from emu.arch.layouts import OSLSR_EL1
from emu.arch.sysregs import BY_NAME, SYSREGS, UNMODELLED, Model, SysReg
from emu.cpu import Vcpu
from emu.hypervisor.kvm.access import Access, Accesses, refused
from emu.hypervisor.kvm.kept import KeptRegisters

_NOT_THE_PROCESSORS = (Model.NONE, Model.PMU)
"""A vCPU without the feature PMU_V3 has no PMU, whatever the machine's is."""


def system_registers(vcpu: Vcpu, kept: KeptRegisters) -> Accesses:
    """Every system register that there is a name for, without rules of its own but OSLSR_EL1."""
    accesses = {reg.name: _access(vcpu, kept, reg) for reg in (*SYSREGS, *UNMODELLED)}
    lock = accesses["OSLSR_EL1"]
    return {**accesses, "OSLSR_EL1": Access(lock.read, partial(_set_os_lock_status, vcpu))}


def _access(vcpu: Vcpu, kept: KeptRegisters, reg: SysReg) -> Access:
    if reg.model in _NOT_THE_PROCESSORS:
        return kept.access(reg.name)
    return Access(partial(vcpu.get_sysreg, reg), partial(vcpu.set_sysreg, reg))


def _set_os_lock_status(vcpu: Vcpu, value: int) -> None:
    """The lock can be set and released; which kind of lock there is, can't be changed."""
    reg = BY_NAME["OSLSR_EL1"]
    present = vcpu.get_sysreg(reg)
    if (value ^ present) & ~OSLSR_EL1.OSLK.mask:
        raise refused(one_reg.BY_NAME[reg.name], value, f"{present:#x}, OSLK (bit 1) set or clear")
    vcpu.set_sysreg(reg, value)
