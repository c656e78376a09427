"""The SMC Calling Convention: how a function id is made up, and the ids of its general services.

Sources: Arm DEN 0028 F (SMCCC) and DEN 0057 A (paravirtualized time); include/linux/arm-smccc.h of
Linux 6.1 for the services that are KVM's own.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final
from uuid import UUID

from emu.arch.bits import Register, bit, bits


class Conduit(StrEnum):
    """The instruction that makes a call. Its value is what a device tree calls the method."""

    HVC = "hvc"
    SMC = "smc"


class Owner(IntEnum):
    """Who defines a range of functions."""

    ARCH = 0
    CPU = 1
    SIP = 2
    OEM = 3
    STANDARD = 4
    STANDARD_HYP = 5
    VENDOR_HYP = 6


class FUNCTION_ID(Register):
    """A function id, in W0. A yielding call (not fast) is one that may be interrupted."""

    Fast = bit(31)
    Smc64 = bit(30)
    Owner = bits(29, 24, {owner.value: owner.name for owner in Owner})
    Number = bits(15, 0)


class Function(IntEnum):
    """Functions of the architecture's, the hypervisor standard's and KVM's own services."""

    SMCCC_VERSION = 0x8000_0000
    SMCCC_ARCH_FEATURES = 0x8000_0001
    SMCCC_ARCH_SOC_ID = 0x8000_0002
    SMCCC_ARCH_WORKAROUND_3 = 0x8000_3FFF
    SMCCC_ARCH_WORKAROUND_2 = 0x8000_7FFF
    SMCCC_ARCH_WORKAROUND_1 = 0x8000_8000
    PV_TIME_FEATURES = 0xC500_0020
    PV_TIME_ST = 0xC500_0021
    KVM_FEATURES = 0x8600_0000
    KVM_PTP = 0x8600_0001
    VENDOR_HYP_CALL_UID = 0x8600_FF01


class Status(IntEnum):
    """Return code in X0, sign-extended to 64 bits."""

    SUCCESS = 0
    NOT_SUPPORTED = -1
    NOT_REQUIRED = -2
    INVALID_PARAMETER = -3


class Workaround(IntEnum):
    """What SMCCC_ARCH_FEATURES says of a workaround."""

    NOT_AVAILABLE = -1
    AVAILABLE = 0
    UNAFFECTED = 1
    """Of 1 and 3: it can be called, and this CPU does not need it."""
    NOT_REQUIRED = -2
    """Of 2: the CPU is safe, or mitigated for good."""


VERSION_1_1: Final = 0x0001_0001
"""What SMCCC_VERSION returns for SMCCC 1.1: major in bits 30:16, minor in 15:0."""

KVM_UID: Final = UUID("28b46fb6-2ec5-11e9-a9ca-4b564d003a74")
"""What VENDOR_HYP_CALL_UID returns on KVM, in four words."""


def uid_words(uid: UUID) -> tuple[int, ...]:
    """A UUID as it is returned: four 32-bit words, the first byte lowest in the first."""
    return tuple(int.from_bytes(uid.bytes[at : at + 4], "little") for at in range(0, 16, 4))
