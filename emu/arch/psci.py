"""PSCI function ids and return codes, as data.

Source: Arm DEN 0022 F.b (PSCI 1.3), chapter 5; include/uapi/linux/psci.h of Linux 6.13.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Function(IntEnum):
    """Function id in W0.

    Bit 30 tells the 64-bit calling convention. Where a function comes in both, the 32-bit one,
    which takes its arguments from W1 to W3, is called `_SMC32`.
    """

    PSCI_VERSION = 0x8400_0000
    CPU_SUSPEND_SMC32 = 0x8400_0001
    CPU_SUSPEND = 0xC400_0001
    CPU_OFF = 0x8400_0002
    CPU_ON_SMC32 = 0x8400_0003
    CPU_ON = 0xC400_0003
    AFFINITY_INFO_SMC32 = 0x8400_0004
    AFFINITY_INFO = 0xC400_0004
    MIGRATE_SMC32 = 0x8400_0005
    MIGRATE = 0xC400_0005
    MIGRATE_INFO_TYPE = 0x8400_0006
    MIGRATE_INFO_UP_CPU_SMC32 = 0x8400_0007
    MIGRATE_INFO_UP_CPU = 0xC400_0007
    SYSTEM_OFF = 0x8400_0008
    SYSTEM_RESET = 0x8400_0009
    PSCI_FEATURES = 0x8400_000A
    CPU_FREEZE = 0x8400_000B
    CPU_DEFAULT_SUSPEND_SMC32 = 0x8400_000C
    CPU_DEFAULT_SUSPEND = 0xC400_000C
    NODE_HW_STATE_SMC32 = 0x8400_000D
    NODE_HW_STATE = 0xC400_000D
    SYSTEM_SUSPEND_SMC32 = 0x8400_000E
    SYSTEM_SUSPEND = 0xC400_000E
    PSCI_SET_SUSPEND_MODE = 0x8400_000F
    PSCI_STAT_RESIDENCY_SMC32 = 0x8400_0010
    PSCI_STAT_RESIDENCY = 0xC400_0010
    PSCI_STAT_COUNT_SMC32 = 0x8400_0011
    PSCI_STAT_COUNT = 0xC400_0011
    SYSTEM_RESET2_SMC32 = 0x8400_0012
    SYSTEM_RESET2 = 0xC400_0012
    MEM_PROTECT = 0x8400_0013
    MEM_PROTECT_CHECK_RANGE_SMC32 = 0x8400_0014
    MEM_PROTECT_CHECK_RANGE = 0xC400_0014
    SYSTEM_OFF2_SMC32 = 0x8400_0015
    SYSTEM_OFF2 = 0xC400_0015


class Status(IntEnum):
    """Return code in X0, sign-extended to 64 bits."""

    SUCCESS = 0
    NOT_SUPPORTED = -1
    INVALID_PARAMETERS = -2
    DENIED = -3
    ALREADY_ON = -4
    ON_PENDING = -5
    INTERNAL_FAILURE = -6
    NOT_PRESENT = -7
    DISABLED = -8
    INVALID_ADDRESS = -9


class AffinityState(IntEnum):
    """What AFFINITY_INFO returns."""

    ON = 0
    OFF = 1
    ON_PENDING = 2


VERSION_0_2: Final = 0x0000_0002
VERSION_1_0: Final = 0x0001_0000
VERSION_1_1: Final = 0x0001_0001
"""What PSCI_VERSION returns for PSCI 1.1: major in bits 31:16, minor in 15:0."""
VERSION_1_2: Final = 0x0001_0002
VERSION_1_3: Final = 0x0001_0003

TRUSTED_OS_NOT_PRESENT: Final = 2
"""MIGRATE_INFO_TYPE: there is no Trusted OS, or it needs no migration."""

SYSTEM_WARM_RESET: Final = 0
"""The one architectural reset type of SYSTEM_RESET2."""

VENDOR_RESET_FIRST: Final = 0x8000_0000
"""The lowest reset type that a vendor defines."""

HIBERNATE_OFF: Final = 1
"""SYSTEM_OFF2's one type, which a caller may give as 0 too; and its bit in PSCI_FEATURES."""
