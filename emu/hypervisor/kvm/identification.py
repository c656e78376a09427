"""The identification registers as one_reg: what a guest was told of its processor must stay true.

Up to Linux 6.6 a VMM can set them to what they are, and nothing else. Later, fields can be lowered
before the VM first runs: a guest that was told of fewer features gets on with more. They belong to
the VM: set on one vCPU, they are set for all.

Sources: set_id_reg, set_imp_id_reg, set_ctr_el0, set_id_aa64dfr0_el1 and the table
`sys_reg_descs` in arch/arm64/kvm/sys_regs.c of Linux 6.16, arm64_check_features before it;
`set_id_reg` and `invariant_sys_regs` there in Linux 6.1. The field types are those of
arch/arm64/kernel/cpufeature.c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from emu.arch import id_layouts as layouts
from emu.arch import one_reg
from emu.arch.bits import Bits, Register
from emu.arch.kvm_reg_list import is_feature_id
from emu.arch.one_reg import OneReg
from emu.arch.sysregs import BY_NAME, SYSREGS, UNMODELLED, SysReg
from emu.hypervisor.kvm.access import Access, Accesses, constant, refused
from emu.hypervisor.kvm.host import Change
from emu.hypervisor.kvm.vm_state import VmState

_OF_THE_IMPLEMENTATION: Final = ("MIDR_EL1", "REVIDR_EL1", "AIDR_EL1")
"""These can be set only with KVM_CAP_ARM_WRITABLE_IMP_ID_REGS, which no VMM asks for here."""


def _all_but(layout: type[Register], *fixed: str) -> tuple[Bits, ...]:
    return tuple(field for field in layout.fields if field.name not in fixed)


def _only(layout: type[Register], *names: str) -> tuple[Bits, ...]:
    return tuple(field for field in layout.fields if field.name in names)


_LOWERABLE: Final[Mapping[str, tuple[Bits, ...]]] = MappingProxyType(
    {
        "ID_AA64PFR0_EL1": _all_but(
            layouts.ID_AA64PFR0_EL1, "AMU", "MPAM", "SVE", "RAS", "AdvSIMD", "FP"
        ),
        "ID_AA64PFR1_EL1": _all_but(layouts.ID_AA64PFR1_EL1, "MTE"),
        "ID_AA64DFR0_EL1": _only(layouts.ID_AA64DFR0_EL1, "WRPs", "PMUVer", "DebugVer"),
        "ID_AA64ISAR0_EL1": _all_but(layouts.ID_AA64ISAR0_EL1),
        "ID_AA64ISAR1_EL1": _all_but(layouts.ID_AA64ISAR1_EL1, "GPI", "GPA", "API", "APA"),
        "ID_AA64MMFR0_EL1": _all_but(layouts.ID_AA64MMFR0_EL1, "ASIDBits"),
        "ID_AA64MMFR1_EL1": _all_but(
            layouts.ID_AA64MMFR1_EL1, "HCX", "TWED", "XNX", "VH", "VMIDBits", "SpecSEI"
        ),
        "ID_AA64MMFR2_EL1": _all_but(layouts.ID_AA64MMFR2_EL1, "EVT", "FWB", "IDS", "NV", "CCIDX"),
        "CTR_EL0": _only(layouts.CTR_EL0, "DIC", "IDC", "DminLine", "L1Ip", "IminLine"),
    }
)
"""The fields that a VMM may lower. In every other bit a register must be what it is."""

_AARCH32_TOO: Final = 2
"""ID_AA64PFR0_EL1.EL0 of a host whose processes can be of AArch32, too."""

_SIGNED: Final = ("TGran4", "TGran64")
"""Fields in which 0b1111 says that a feature is not there."""

_DEBUG_V8: Final = 6
"""The lowest version of the debug architecture that Armv8 has (ID_AA64DFR0_EL1.DebugVer)."""

_VIPT: Final = 0b10
"""The lower of the two policies of the instruction cache that are left (CTR_EL0.L1Ip)."""


def identification_registers(vm: VmState, plain: Mapping[str, Access]) -> Accesses:
    """All ID registers, over `plain`, which gets and sets what the processor has."""
    pfr0 = layouts.ID_AA64PFR0_EL1(plain["ID_AA64PFR0_EL1"].read())
    ignores_aarch32 = (
        vm.host.has(Change.AARCH32_IDENTIFICATION_IGNORED) and pfr0.EL0 != _AARCH32_TOO
    )
    accesses = {}
    for reg in (*SYSREGS, *UNMODELLED):
        if ignores_aarch32 and _is_of_aarch32(reg):
            accesses[reg.name] = Access(plain[reg.name].read, lambda _: None)
        elif is_feature_id(reg) or reg.name in (*_OF_THE_IMPLEMENTATION, "CTR_EL0"):
            accesses[reg.name] = _access(vm, reg.name, plain[reg.name].read)
    return accesses


def _access(vm: VmState, name: str, read: Callable[[], int]) -> Access:
    if name in _OF_THE_IMPLEMENTATION or not vm.host.has(Change.IDENTIFICATION_WRITABLE):
        return constant(one_reg.BY_NAME[name], read, "the host's")
    vm.identification.setdefault(name, read())
    return Access(read, partial(_set, vm, one_reg.BY_NAME[name], read))


def _is_of_aarch32(reg: SysReg) -> bool:
    """Whether an ID register describes AArch32: the rows c1 to c3 of the feature ID space."""
    return is_feature_id(reg) and reg.at[3] <= 3


def _set(vm: VmState, reg: OneReg, read: Callable[[], int], value: int) -> None:
    present, host = read(), vm.identification[reg.name]
    if vm.has_run and value != present:
        raise refused(reg, value, f"{present:#x}, which it was when the VM first ran", "EBUSY")
    differing = value ^ host
    for field in _LOWERABLE.get(reg.name, ()):
        if differing & field.mask and _is_lower(field, value, host):
            differing &= ~field.mask
    if differing:
        raise refused(reg, value, f"{host:#x}, or less in a field that can be lowered")
    for vcpu in vm.machine.vcpus:
        vcpu.set_sysreg(BY_NAME[reg.name], value)


def _is_lower(field: Bits, value: int, host: int) -> bool:
    new, old = ((number & field.mask) >> field.lsb for number in (value, host))
    if field.name == "L1Ip":
        return new == _VIPT
    if field.name == "DebugVer":
        return _DEBUG_V8 <= new < old
    if field.name in _SIGNED:
        return (new ^ 8) < (old ^ 8)
    return new < old
