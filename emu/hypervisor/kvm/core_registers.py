"""`struct kvm_regs` as one_reg: general, floating-point and saved-state registers.

Source: get_core_reg and set_core_reg in arch/arm64/kvm/guest.c, the same in Linux 5.10 to 6.18.
"""

from __future__ import annotations

from functools import partial

from emu.arch import one_reg
from emu.arch.layouts import PState
from emu.arch.sysregs import BY_NAME
from emu.cpu import Vcpu
from emu.hypervisor.kvm.access import Access, Accesses, refused
from emu.hypervisor.kvm.kept import KeptRegisters

_MODES = (0b0_0000, 0b0_0100, 0b0_0101)
"""EL0t, EL1t, EL1h. All others are of AArch32, which the host has not, or of EL2."""

_SYSREGS = ("SP_EL0", "SP_EL1", "ELR_EL1", "SPSR_EL1")
_AARCH32 = ("SPSR_abt", "SPSR_und", "SPSR_irq", "SPSR_fiq")


def core_registers(vcpu: Vcpu, kept: KeptRegisters) -> Accesses:
    """All registers of `struct kvm_regs`."""
    engine = vcpu.engine
    accesses = {
        "PC": Access(lambda: engine.pc, partial(setattr, engine, "pc")),
        "PSTATE": Access(lambda: engine.pstate, partial(_set_pstate, vcpu)),
    }
    for name in ("FPSR", "FPCR"):
        read = partial(engine.get_fp_status, name)
        accesses[name] = Access(read, partial(engine.set_fp_status, name))
    for n in range(31):
        accesses[f"X{n}"] = Access(partial(_get_x, vcpu, n), partial(_set_x, vcpu, n))
    for n in range(32):
        accesses[f"V{n}"] = Access(partial(_get_v, vcpu, n), partial(_set_v, vcpu, n))
    for name in _SYSREGS:
        reg = BY_NAME[name]
        accesses[name] = Access(partial(vcpu.get_sysreg, reg), partial(vcpu.set_sysreg, reg))
    return {**accesses, **{name: kept.access(name) for name in _AARCH32}}


def _set_pstate(vcpu: Vcpu, value: int) -> None:
    if PState(value).M not in _MODES:
        raise refused(
            one_reg.BY_NAME["PSTATE"], value, "M (bits 4:0) to be EL0t (0), EL1t (4) or EL1h (5)"
        )
    vcpu.engine.pstate = value


def _get_x(vcpu: Vcpu, n: int) -> int:
    return int(vcpu.engine.x[n])


def _set_x(vcpu: Vcpu, n: int, value: int) -> None:
    vcpu.engine.x[n] = value


def _get_v(vcpu: Vcpu, n: int) -> int:
    return vcpu.engine.get_v()[n]


def _set_v(vcpu: Vcpu, n: int, value: int) -> None:
    values = vcpu.engine.get_v()
    values[n] = value
    vcpu.engine.set_v(values)
