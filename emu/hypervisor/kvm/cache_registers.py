"""CLIDR_EL1 and the CCSIDR_EL1 of each cache, as one_reg.

Up to Linux 6.2 they are the host's, and can be set to what they are. From 6.3 on KVM makes up
caches of one set and one way, and keeps what a VMM sets for each vCPU.

Sources: demux_c15_get and demux_c15_set, reset_clidr, set_clidr, get_ccsidr and set_ccsidr in
arch/arm64/kvm/sys_regs.c of Linux 6.16; the first two there in Linux 6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from emu.arch import one_reg
from emu.arch.id_layouts import CLIDR_EL1, CSSELR_EL1, CTR_EL0
from emu.arch.one_reg import CACHE_SELECTORS, OneReg
from emu.arch.sysregs import BY_NAME
from emu.cpu import Vcpu
from emu.hypervisor.kvm.access import Access, Accesses, constant, refused
from emu.hypervisor.kvm.host import Change, Host
from emu.hypervisor.kvm.kept import KeptRegisters
from emu.hypervisor.kvm.vm_state import VmState

_LINE_SIZE_MASK: Final = 0b111
"""CCSIDR_EL1.LineSize: log2 of the words in a line, less 2 (DDI 0487 K.a, D19.2.26)."""

_INSTRUCTION, _DATA, _UNIFIED = 0b001, 0b010, 0b100
"""CLIDR_EL1.Ctype<n>."""

_HOST_LEVELS: Final = CLIDR_EL1().replace(
    Ctype1=_INSTRUCTION | _DATA, Ctype2=_UNIFIED, LoUU=1, LoUIS=1, LoC=2
)
"""What a host before Linux 6.3 has: the caches whose CCSIDR_EL1 KVM lists there."""

_CLIDR_RESERVED: Final = ~((1 << 47) - 1)

_NAMES: Final = tuple(f"CCSIDR[{selector}]" for selector in range(CACHE_SELECTORS))


def caches_at_first(vcpu: Vcpu, host: Host) -> Mapping[str, int]:
    """CLIDR_EL1 and each CCSIDR_EL1 after KVM_ARM_VCPU_INIT."""
    ctr = _ctr(vcpu)
    sizes = {name: _shortest_line(ctr, n) - 2 for n, name in enumerate(_NAMES)}
    if host.has(Change.CACHES_BELONG_TO_THE_VCPU):
        return {**sizes, "CLIDR_EL1": _made_up_levels(ctr).value}
    return {**sizes, "CLIDR_EL1": _HOST_LEVELS.value}


def _made_up_levels(ctr: CTR_EL0) -> CLIDR_EL1:
    """As few caches as CTR_EL0 allows (`reset_clidr`)."""
    instruction = CLIDR_EL1(0 if ctr.DIC else _INSTRUCTION)
    if not ctr.IDC:
        return instruction.replace(Ctype1=instruction.Ctype1 | _DATA, LoUU=1, LoUIS=1, LoC=1)
    if ctr.DIC:
        return CLIDR_EL1().replace(Ctype1=_UNIFIED, LoC=1)
    return instruction.replace(Ctype2=_UNIFIED, LoC=2)


def cache_registers(vcpu: Vcpu, vm: VmState, kept: KeptRegisters) -> Accesses:
    """CLIDR_EL1 and CCSIDR_EL1 by selector."""
    setters = {
        name: partial(_set_size, vcpu, one_reg.BY_NAME[name], selector, kept.access(name))
        for selector, name in enumerate(_NAMES)
    }
    levels = "CLIDR_EL1"
    setters[levels] = partial(_set_levels, vcpu, one_reg.BY_NAME[levels], kept.access(levels))
    own = vm.host.has(Change.CACHES_BELONG_TO_THE_VCPU)
    return {
        name: Access(kept.access(name).read, write)
        if own
        else constant(one_reg.BY_NAME[name], kept.access(name).read, "the host's")
        for name, write in setters.items()
    }


def _ctr(vcpu: Vcpu) -> CTR_EL0:
    return CTR_EL0(vcpu.get_sysreg(BY_NAME["CTR_EL0"]))


def _shortest_line(ctr: CTR_EL0, selector: int) -> int:
    """Log2 of the words in the shortest line."""
    return ctr.IminLine if CSSELR_EL1(selector).InD else ctr.DminLine


def _set_size(vcpu: Vcpu, reg: OneReg, selector: int, access: Access, value: int) -> None:
    shortest = _shortest_line(_ctr(vcpu), selector)
    if (value & _LINE_SIZE_MASK) + 2 < shortest:
        raise refused(reg, value, f"LineSize (bits 2:0) of {shortest - 2} or more, as CTR_EL0 says")
    access.write(value)


def _set_levels(vcpu: Vcpu, reg: OneReg, access: Access, value: int) -> None:
    clidr = CLIDR_EL1(value)
    clean_to_unification = clidr.LoC and (clidr.LoUIS or clidr.LoUU)
    if value & _CLIDR_RESERVED or not (_ctr(vcpu).IDC or clean_to_unification):
        raise refused(
            reg, value, "bits 63:47 to be 0, and LoUU or LoUIS and LoC not, as CTR_EL0.IDC is 0"
        )
    access.write(value)
