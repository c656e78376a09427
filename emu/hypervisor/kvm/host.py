"""The kernel of the host: what differs from one release of Linux to another.

The rules of one_reg, of vCPUs and of the vGIC are written once, where they belong; what Linux
changed over time is a `Change`, and a rule asks the host whether it has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from emu.arch.kvm_layouts import (
    PSCI_VERSION,
    STD_BMAP,
    STD_HYP_BMAP,
    VENDOR_HYP_BMAP,
    VENDOR_HYP_BMAP_2,
)
from emu.arch.kvm_reg_list import HostKernel

_RELEASES: Final = {
    HostKernel.LINUX_5_10: (5, 10),
    HostKernel.LINUX_6_1: (6, 1),
    HostKernel.LINUX_6_18: (6, 18),
}


class Change(Enum):
    """A rule that Linux changed, by the release that did; the value says what holds since."""

    SUSPENDED_STATE = (5, 19), "KVM_MP_STATE_SUSPENDED can be set"
    ICC_REGISTERS_ARE_ONE_REGS = (6, 0), "an unknown ICC register gives ENOENT, before: ENXIO"
    AARCH32_IDENTIFICATION_IGNORED = (
        (6, 1),
        "without AArch32, a set of an AArch32 ID register is ignored, before: EINVAL unless equal",
    )
    CACHES_BELONG_TO_THE_VCPU = (
        (6, 3),
        "CLIDR_EL1 and all 14 CCSIDR_EL1 are made up and can be set, before: the host's",
    )
    POWER_OFF_IS_NO_FEATURE = (
        (6, 6),
        "KVM_ARM_VCPU_POWER_OFF may differ from one KVM_ARM_VCPU_INIT to the next, before: EINVAL",
    )
    FEATURES_BELONG_TO_THE_VM = (
        (6, 7),
        "all vCPUs of a VM must be initialised with the same features",
    )
    IDENTIFICATION_WRITABLE = (
        (6, 7),
        "fields of AArch64 ID registers can be lowered until the VM has run, before: EINVAL",
    )
    TIMERS_ARE_SYSREGS = (
        (6, 18),
        "CNT*_CTL_EL0.ISTATUS is as the guest sees it, before: set whatever ENABLE is",
    )

    @property
    def release(self) -> tuple[int, int]:
        """The first release of Linux that has it."""
        release: tuple[int, int] = self.value[0]
        return release

    @property
    def effect(self) -> str:
        """What holds since, in words."""
        effect: str = self.value[1]
        return effect


def _psci(major: int, minor: int) -> int:
    return PSCI_VERSION().replace(Major=major, Minor=minor).value


PSCI_0_1: Final = _psci(0, 1)
"""What a vCPU without the feature PSCI_0_2 is offered."""

_PSCI: Final = {
    HostKernel.LINUX_5_10: (_psci(0, 2), _psci(1, 0)),
    HostKernel.LINUX_6_1: (_psci(0, 2), _psci(1, 0), _psci(1, 1)),
    HostKernel.LINUX_6_18: (_psci(0, 2), _psci(1, 0), _psci(1, 1), _psci(1, 2), _psci(1, 3)),
}
"""Versions of PSCI that a vCPU with the feature PSCI_0_2 can have; the last is the default, which
Firecracker's fingerprints of the three hosts show."""

SERVICES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "STD_BMAP": STD_BMAP.TRNG_V1_0.mask,
        "STD_HYP_BMAP": STD_HYP_BMAP.PV_TIME.mask,
        "VENDOR_HYP_BMAP": VENDOR_HYP_BMAP.FUNC_FEAT.mask | VENDOR_HYP_BMAP.PTP.mask,
        "VENDOR_HYP_BMAP_2": (
            VENDOR_HYP_BMAP_2.DISCOVER_IMPL_VER.mask | VENDOR_HYP_BMAP_2.DISCOVER_IMPL_CPUS.mask
        ),
    }
)
"""The services that each feature bitmap can offer (include/kvm/arm_hypercalls.h, Linux 6.18)."""

SERVICES_AT_FIRST: Final[Mapping[str, int]] = MappingProxyType({**SERVICES, "VENDOR_HYP_BMAP_2": 0})
"""Those that a new VM's guest is offered (`kvm_arm_init_hypercalls` in hypercalls.c)."""

WORKAROUND_LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "SMCCC_ARCH_WORKAROUND_1": 2,
        "SMCCC_ARCH_WORKAROUND_2": 3,
        "SMCCC_ARCH_WORKAROUND_3": 2,
    }
)
"""What the host says of the workarounds: none is required, as the emulated processor does not
speculate."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host: its kernel, and all that follows from it."""

    kernel: HostKernel

    def has(self, change: Change) -> bool:
        """Whether the kernel has a change."""
        return _RELEASES[self.kernel] >= change.release

    @property
    def psci_versions(self) -> tuple[int, ...]:
        """Versions of PSCI that a guest can be offered, ascending."""
        return _PSCI[self.kernel]
