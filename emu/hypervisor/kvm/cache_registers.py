"""CLIDR_EL1 and the CCSIDR_EL1 of each cache, as one_reg.

Up to Linux 6.2 they are the host's, and can be set to what they are. From 6.3 on KVM makes up
caches of one set and one way for each vCPU, which a VMM can replace.

Sources: demux_c15_get and demux_c15_set, reset_clidr, set_clidr, get_ccsidr and set_ccsidr in
arch/arm64/kvm/sys_regs.c of Linux 6.16; the first two there in Linux 6.1.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from emu.arch import one_reg
from emu.arch.id_layouts import CCSIDR_EL1, CLIDR_EL1, CSSELR_EL1, CTR_EL0
from emu.arch.one_reg import CACHE_SELECTORS
from emu.arch.sysregs import BY_NAME
from emu.cpu import Vcpu
from emu.hypervisor.kvm.access import Access, Accesses, constant, refused
from emu.hypervisor.kvm.host import Change
from emu.hypervisor.kvm.vm_state import VmState

_CLIDR: Final = BY_NAME["CLIDR_EL1"]

_LINE_SIZE_OFFSET: Final = 2
"""CCSIDR_EL1.LineSize is log2 of the words in a line, less this (DDI 0487 K.a, D19.2.26)."""

_INSTRUCTION, _DATA, _UNIFIED = 0b001, 0b010, 0b100
"""CLIDR_EL1.Ctype<n>."""

_CLIDR_RESERVED: Final = ~((1 << 47) - 1)


def make_up_caches(vcpu: Vcpu) -> None:
    """Give a vCPU the caches that KVM makes up; only before it has run."""
    ctr = _ctr(vcpu)
    vcpu.set_sysreg(_CLIDR, _made_up_levels(ctr).value)
    for selector in range(CACHE_SELECTORS):
        vcpu.set_ccsidr(selector, _shortest_line(ctr, selector) - _LINE_SIZE_OFFSET)


def _made_up_levels(ctr: CTR_EL0) -> CLIDR_EL1:
    """As few caches as CTR_EL0 allows (`reset_clidr`)."""
    instruction = CLIDR_EL1(0 if ctr.DIC else _INSTRUCTION)
    if not ctr.IDC:
        return instruction.replace(Ctype1=instruction.Ctype1 | _DATA, LoUU=1, LoUIS=1, LoC=1)
    if ctr.DIC:
        return CLIDR_EL1().replace(Ctype1=_UNIFIED, LoC=1)
    return instruction.replace(Ctype2=_UNIFIED, LoC=2)


def cache_registers(vcpu: Vcpu, vm: VmState) -> Accesses:
    """CLIDR_EL1 and CCSIDR_EL1 by selector."""
    accesses = {
        f"CCSIDR[{selector}]": Access(
            partial(vcpu.get_ccsidr, selector), partial(_set_size, vcpu, selector)
        )
        for selector in range(CACHE_SELECTORS)
    }
    accesses[_CLIDR.name] = Access(partial(vcpu.get_sysreg, _CLIDR), partial(_set_levels, vcpu))
    if vm.host.has(Change.CACHES_BELONG_TO_THE_VCPU):
        return accesses
    return {
        name: constant(one_reg.BY_NAME[name], access.read, "the host's")
        for name, access in accesses.items()
    }


def _ctr(vcpu: Vcpu) -> CTR_EL0:
    return CTR_EL0(vcpu.get_sysreg(BY_NAME["CTR_EL0"]))


def _shortest_line(ctr: CTR_EL0, selector: int) -> int:
    """Log2 of the words in the shortest line."""
    return ctr.IminLine if CSSELR_EL1(selector).InD else ctr.DminLine


def _set_size(vcpu: Vcpu, selector: int, value: int) -> None:
    shortest = _shortest_line(_ctr(vcpu), selector) - _LINE_SIZE_OFFSET
    if CCSIDR_EL1(value).LineSize < shortest:
        raise refused(
            one_reg.BY_NAME[f"CCSIDR[{selector}]"],
            value,
            f"LineSize (bits 2:0) of {shortest} or more, as CTR_EL0 says",
        )
    vcpu.set_ccsidr(selector, value)


def _set_levels(vcpu: Vcpu, value: int) -> None:
    clidr = CLIDR_EL1(value)
    clean_to_unification = clidr.LoC and (clidr.LoUIS or clidr.LoUU)
    if value & _CLIDR_RESERVED or not (_ctr(vcpu).IDC or clean_to_unification):
        raise refused(
            one_reg.BY_NAME[_CLIDR.name],
            value,
            "bits 63:47 to be 0, and LoUU or LoUIS and LoC not, as CTR_EL0.IDC is 0",
        )
    vcpu.set_sysreg(_CLIDR, value)
