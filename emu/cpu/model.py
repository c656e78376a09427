"""The CPU model: Unicorn's MAX, with ID registers that promise nothing the core lacks.

MAX implements Armv8.4 and parts of later versions. Its own ID registers also announce what a guest
at EL1 can't have here (EL2, EL3, AArch32, SVE, LORegions, secure memory) and RNDR, which would
read the host's entropy. Field meanings: DDI 0487 K.a, D19.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ID_REGISTERS: Mapping[str, int] = MappingProxyType(
    {
        "MIDR_EL1": 0x000F_0510,  # implementer 0: a model, not a product
        "REVIDR_EL1": 0,
        "ID_AA64PFR0_EL1": 0x0111_0011,  # GIC registers, FP16, AdvSIMD FP16; EL1 and EL0 in A64
        "ID_AA64PFR1_EL1": 0x1,  # BTI
        "ID_AA64ZFR0_EL1": 0,
        "ID_AA64DFR0_EL1": 0x1030_5106,  # 6 breakpoints, 4 watchpoints, PMUv3, Armv8 debug
        "ID_AA64ISAR0_EL1": 0x0021_1111_1021_2120,  # all of MAX but RNDR
        "ID_AA64ISAR1_EL1": 0x0000_0111_0121_1012,
        "ID_AA64MMFR0_EL1": 0x0000_0124,  # 4K and 64K granules, 16-bit ASIDs, 44-bit addresses
        "ID_AA64MMFR1_EL1": 0x0020_1000,  # PAN with ATS1E1, HPDS
        "ID_AA64MMFR2_EL1": 0x0000_0011,  # UAO, CnP
        "CTR_EL0": 0x8444_C004,
        "DCZID_EL0": 0x4,
    }
)
"""Values of the ID registers, where the board does not say otherwise."""

_CORE_EVENT_COUNTERS = 4
"""The core has so many; PMCR_EL0.N says that there are none."""

ABSENT: Mapping[str, tuple[int, int, int, int, int]] = MappingProxyType(
    {
        "RNDR": (3, 3, 2, 4, 0),
        "RNDRRS": (3, 3, 2, 4, 1),
        "ZCR_EL1": (3, 0, 1, 2, 0),
        "LORSA_EL1": (3, 0, 10, 4, 0),
        "LOREA_EL1": (3, 0, 10, 4, 1),
        "LORN_EL1": (3, 0, 10, 4, 2),
        "LORC_EL1": (3, 0, 10, 4, 3),
        "LORID_EL1": (3, 0, 10, 4, 7),
        **{f"PMEVCNTR{n}_EL0": (3, 3, 14, 8, n) for n in range(_CORE_EVENT_COUNTERS)},
        **{f"PMEVTYPER{n}_EL0": (3, 3, 14, 12, n) for n in range(_CORE_EVENT_COUNTERS)},
    }
)
"""Registers of features that the ID registers deny, though the core has them: UNDEFINED."""
