"""The TRNG firmware interface 1.0: ids and return codes.

Source: Arm DEN 0098 1.0, chapter 2.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final
from uuid import UUID


class Function(IntEnum):
    """Function id in W0."""

    TRNG_VERSION = 0x8400_0050
    TRNG_FEATURES = 0x8400_0051
    TRNG_GET_UUID = 0x8400_0052
    TRNG_RND_SMC32 = 0x8400_0053
    TRNG_RND = 0xC400_0053


class Status(IntEnum):
    """Return code in X0, sign-extended to 64 bits. They are not those of the SMCCC."""

    SUCCESS = 0
    NOT_SUPPORTED = -1
    INVALID_PARAMETERS = -2
    NO_ENTROPY = -3


VERSION_1_0: Final = 0x0001_0000
"""What TRNG_VERSION returns for 1.0: major in bits 30:16, minor in 15:0."""

KVM_UID: Final = UUID("0d21e000-4384-11eb-8070-5244555e5a4c")
"""KVM's back end, as TRNG_GET_UUID returns it (arch/arm64/kvm/trng.c of Linux 6.1)."""
