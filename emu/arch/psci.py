"""PSCI and SMCCC function ids and return codes, as data.

Source: Arm DEN 0022 F (PSCI 1.1), table 6 and section 5.2.1; Arm DEN 0028 F (SMCCC).
"""

from __future__ import annotations

from enum import IntEnum


class Function(IntEnum):
    """Function id in W0. Bit 30 tells the 64-bit calling convention."""

    PSCI_VERSION = 0x8400_0000
    CPU_OFF = 0x8400_0002
    CPU_ON = 0xC400_0003
    AFFINITY_INFO = 0xC400_0004
    MIGRATE_INFO_TYPE = 0x8400_0006
    SYSTEM_OFF = 0x8400_0008
    SYSTEM_RESET = 0x8400_0009
    PSCI_FEATURES = 0x8400_000A


class Status(IntEnum):
    """Return code in X0, sign-extended to 64 bits."""

    SUCCESS = 0
    NOT_SUPPORTED = -1
    INVALID_PARAMETERS = -2
    DENIED = -3
    ALREADY_ON = -4


VERSION_1_1 = 0x0001_0001
"""What PSCI_VERSION returns for PSCI 1.1: major in bits 31:16, minor in 15:0."""

TRUSTED_OS_NOT_PRESENT = 2
"""MIGRATE_INFO_TYPE: there is no Trusted OS, or it needs no migration."""
