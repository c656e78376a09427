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
    """Whether a processor has a register, its ID registers may say otherwise from one access to
    the next.
    """
    words = kept.access(reg.name)
    if reg.model in _NOT_THE_PROCESSORS:
        return words
    if reg.model is Model.STORED:
        return _whole(vcpu, reg, words)

    def read() -> int:
        return vcpu.get_sysreg(reg) if vcpu.has_sysreg(reg) else words.read()

    def write(value: int) -> None:
        if vcpu.has_sysreg(reg):
            vcpu.set_sysreg(reg, value)
        else:
            words.write(value)

    return Access(read, write)


def _whole(vcpu: Vcpu, reg: SysReg, words: Access) -> Access:
    """A register that KVM stores whole, and the processor without its reserved bits.

    What was set is read back as long as the guest has not changed what the processor keeps of it.
    """

    def read() -> int:
        held = vcpu.get_sysreg(reg)
        return words.read() if words.read() & reg.writable == held else held

    def write(value: int) -> None:
        vcpu.set_sysreg(reg, value)
        words.write(value)

    return Access(read, write)


def _set_os_lock_status(vcpu: Vcpu, value: int) -> None:
    """The lock can be set and released; which kind of lock there is, can't be changed."""
    reg = BY_NAME["OSLSR_EL1"]
    present = vcpu.get_sysreg(reg)
    if (value ^ present) & ~OSLSR_EL1.OSLK.mask:
        raise refused(one_reg.BY_NAME[reg.name], value, f"{present:#x}, OSLK (bit 1) set or clear")
    vcpu.set_sysreg(reg, value)
