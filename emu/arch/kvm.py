"""KVM: numbers of its interface for vCPUs.

Source: Linux v6.18 `include/uapi/linux/kvm.h` (KVM_MP_STATE_*) and
`arch/arm64/include/uapi/asm/kvm.h` (KVM_ARM_TARGET_*, KVM_ARM_VCPU_*);
`arch/arm64/kvm/sys_regs.c` (`reset_unknown`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MP_STATES: Final[Mapping[int, str]] = {
    0: "RUNNABLE",
    1: "UNINITIALIZED",
    2: "INIT_RECEIVED",
    3: "HALTED",
    4: "SIPI_RECEIVED",
    5: "STOPPED",
    6: "CHECK_STOP",
    7: "OPERATING",
    8: "LOAD",
    9: "AP_RESET_HOLD",
    10: "SUSPENDED",
}
"""KVM_MP_STATE_*: on Arm a vCPU is RUNNABLE, STOPPED (off by PSCI) or SUSPENDED."""

TARGETS: Final[Mapping[int, str]] = {
    0: "AEM_V8",
    1: "FOUNDATION_V8",
    2: "CORTEX_A57",
    3: "XGENE_POTENZA",
    4: "CORTEX_A53",
    5: "GENERIC_V8",
}
"""KVM_ARM_TARGET_*: type of a vCPU."""

VCPU_FEATURES: Final[Mapping[int, str]] = {
    0: "POWER_OFF",
    1: "EL1_32BIT",
    2: "PSCI_0_2",
    3: "PMU_V3",
    4: "SVE",
    5: "PTRAUTH_ADDRESS",
    6: "PTRAUTH_GENERIC",
    7: "HAS_EL2",
    8: "HAS_EL2_E2H0",
}
"""KVM_ARM_VCPU_*: bits of `features` of `struct kvm_vcpu_init`."""

NEVER_WRITTEN: Final = 0x1DE7_EC7E_DBAD_C0DE
"""What KVM puts into a register whose value after a reset is unknown."""
