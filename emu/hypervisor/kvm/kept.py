"""Registers that KVM keeps for a vCPU, and the emulated processor has not.

They belong to AArch32, to breakpoints that there are not, or to a PMU that the vCPU was not given:
the guest has no use for them, and KVM stores what a VMM sets all the same. They are the surface's,
not the machine's: another `KvmVm` over the same machine finds them as after a reset.

Source: `sys_reg_descs` in arch/arm64/kvm/sys_regs.c of Linux 6.1 (5.10 for the PMU).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

from emu.arch.kvm import NEVER_WRITTEN
from emu.hypervisor.kvm.access import Access

_SHARED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "PMINTENCLR_EL1": "PMINTENSET_EL1",
        "PMCNTENCLR_EL0": "PMCNTENSET_EL0",
        "PMOVSCLR_EL0": "PMOVSSET_EL0",
    }
)
"""Two names of one word: of the registers that set and clear, KVM saves what they show."""

_RESET: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("PMINTENSET_EL1", "PMCNTENSET_EL0", "PMOVSSET_EL0", "PMSWINC_EL0"),
                *("PMSELR_EL0", "PMCCNTR_EL0"),
                *(f"{sort}{n}_EL0" for n in range(31) for sort in ("PMEVCNTR", "PMEVTYPER")),
            ),
            NEVER_WRITTEN,
        ),
    }
)
"""What is in them after a reset, where it is not 0."""


class KeptRegisters:
    """The words that KVM keeps for one vCPU, by name."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}

    def reset(self) -> None:
        """Back to the values after KVM_ARM_VCPU_INIT."""
        self._words.clear()

    def read(self, name: str) -> int:
        """What a register holds."""
        name = _SHARED.get(name, name)
        return self._words.get(name, _RESET.get(name, 0))

    def write(self, name: str, value: int) -> None:
        """Keep a value."""
        self._words[_SHARED.get(name, name)] = value

    def access(self, name: str) -> Access:
        """One of the registers."""
        return Access(partial(self.read, name), partial(self.write, name))
