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

from emu.arch import psci
from emu.arch.kvm_layouts import STD_BMAP, STD_HYP_BMAP, VENDOR_HYP_BMAP, VENDOR_HYP_BMAP_2
from emu.arch.kvm_reg_list import HostKernel
from emu.boards.kvm_services import KVM_FIRMWARE_REGISTERS

_RELEASES: Final = {
    HostKernel.LINUX_5_10: (5, 10),
    HostKernel.LINUX_6_1: (6, 1),
    HostKernel.LINUX_6_18: (6, 18),
}


class Change(Enum):
    """A rule that Linux changed, by the release that did; the value says what holds since."""

    TRNG = (5, 12), "the guest is offered TRNG 1.0"
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
    SMC_IS_SERVED = (6, 4), "the guest can call by SMC, too"
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


_PSCI: Final = {
    HostKernel.LINUX_5_10: (psci.VERSION_0_2, psci.VERSION_1_0),
    HostKernel.LINUX_6_1: (psci.VERSION_0_2, psci.VERSION_1_0, psci.VERSION_1_1),
    HostKernel.LINUX_6_18: (
        *(psci.VERSION_0_2, psci.VERSION_1_0, psci.VERSION_1_1),
        *(psci.VERSION_1_2, psci.VERSION_1_3),
    ),
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

WORKAROUND_LEVELS: Final[Mapping[str, int]] = MappingProxyType(
    {name: level for name, level in KVM_FIRMWARE_REGISTERS.items() if "WORKAROUND" in name}
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

    @property
    def firmware_registers(self) -> dict[str, int]:
        """PSCI_VERSION and the feature bitmaps of a new VM (`kvm_arm_init_hypercalls`).

        Linux 5.10 has the services, but for TRNG, and no registers for them.
        """
        trng = SERVICES["STD_BMAP"] if self.has(Change.TRNG) else 0
        return {
            "PSCI_VERSION": self.psci_versions[-1],
            **SERVICES,
            "STD_BMAP": trng,
            "VENDOR_HYP_BMAP_2": 0,
        }
