"""System registers that Unicorn's cores have, and the emulated processor has not."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from emu.arch.sysregs import At

_EVENT_COUNTERS = 4
"""The core has so many; PMCR_EL0.N says that there are none."""

ABSENT: Final[Mapping[str, At]] = MappingProxyType(
    {
        "S2_0_C0_C1_0": (2, 0, 0, 1, 0),  # the core has MDCCSR_EL0 here, where it is not
        "ZCR_EL1": (3, 0, 1, 2, 0),
        "CBAR_EL1": (3, 1, 15, 3, 0),
        "RNDR": (3, 3, 2, 4, 0),
        "RNDRRS": (3, 3, 2, 4, 1),
        **{f"PMEVCNTR{n}_EL0": (3, 3, 14, 8, n) for n in range(_EVENT_COUNTERS)},
        **{f"PMEVTYPER{n}_EL0": (3, 3, 14, 12, n) for n in range(_EVENT_COUNTERS)},
        "CNTPS_TVAL_EL1": (3, 7, 14, 2, 0),
        "CNTPS_CTL_EL1": (3, 7, 14, 2, 1),
        "CNTPS_CVAL_EL1": (3, 7, 14, 2, 2),
    }
)
"""Taken away, and so UNDEFINED: RNDR above all, which would read the host's entropy."""
