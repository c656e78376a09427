"""KVM: numbers of its interface for vCPUs.

Source: Linux v6.18 `include/uapi/linux/kvm.h` (KVM_MP_STATE_*) and
`arch/arm64/include/uapi/asm/kvm.h` (KVM_ARM_TARGET_*, KVM_ARM_VCPU_*);
`arch/arm64/kvm/sys_regs.c` (`reset_unknown`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class MpState(IntEnum):
    """KVM_MP_STATE_*: on Arm a vCPU is RUNNABLE, STOPPED (off by PSCI) or SUSPENDED."""

    RUNNABLE = 0
    UNINITIALIZED = 1
    INIT_RECEIVED = 2
    HALTED = 3
    SIPI_RECEIVED = 4
    STOPPED = 5
    CHECK_STOP = 6
    OPERATING = 7
    LOAD = 8
    AP_RESET_HOLD = 9
    SUSPENDED = 10


class Target(IntEnum):
    """KVM_ARM_TARGET_*: type of a vCPU."""

    AEM_V8 = 0
    FOUNDATION_V8 = 1
    CORTEX_A57 = 2
    XGENE_POTENZA = 3
    CORTEX_A53 = 4
    GENERIC_V8 = 5
    """On every processor that KVM does not know by name."""


class VcpuFeature(IntEnum):
    """KVM_ARM_VCPU_*: bits of `features` of `struct kvm_vcpu_init`."""

    POWER_OFF = 0
    EL1_32BIT = 1
    PSCI_0_2 = 2
    PMU_V3 = 3
    SVE = 4
    PTRAUTH_ADDRESS = 5
    PTRAUTH_GENERIC = 6
    HAS_EL2 = 7
    HAS_EL2_E2H0 = 8


def _names(numbers: type[IntEnum]) -> dict[int, str]:
    return {number.value: number.name for number in numbers}


MP_STATES: Final[Mapping[int, str]] = _names(MpState)
TARGETS: Final[Mapping[int, str]] = _names(Target)
VCPU_FEATURES: Final[Mapping[int, str]] = _names(VcpuFeature)

NEVER_WRITTEN: Final = 0x1DE7_EC7E_DBAD_C0DE
"""What KVM puts into a register whose value after a reset is unknown."""
