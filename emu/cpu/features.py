"""What happens to a feature that ID registers promise and the core lacks: one row, one policy.

ID registers come from a board or from a thawed state. A field that promises as much as the core
has, or less, is taken as it is, and what it denies is UNDEFINED. For one that promises more, the
row of that value in `FEATURES` decides; a value that has no row is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Policy(Enum):
    """What is done about a promise beyond the core."""

    REFUSE = "refuse"
    """A guest would rely on it: the ID register is not taken."""
    IGNORE = "ignore"
    """It is taken, and the guest does without: `FeatureIgnored` tells so."""
    EMULATE = "emulate"
    """It is taken, and kept."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One row.

    Attributes:
        name: the architecture's name of the feature.
        register: the ID register.
        field: its field.
        values: the values that promise it.
        policy: what is done.
        why: why so, in a sentence.
    """

    name: str
    register: str
    field: str
    values: tuple[int, ...]
    policy: Policy
    why: str


_PFR0, _PFR1 = "ID_AA64PFR0_EL1", "ID_AA64PFR1_EL1"
_DFR0 = "ID_AA64DFR0_EL1"
_ISAR0, _ISAR1 = "ID_AA64ISAR0_EL1", "ID_AA64ISAR1_EL1"
_MMFR0, _MMFR1, _MMFR2 = "ID_AA64MMFR0_EL1", "ID_AA64MMFR1_EL1", "ID_AA64MMFR2_EL1"
_REFUSE, _IGNORE, _EMULATE = Policy.REFUSE, Policy.IGNORE, Policy.EMULATE

_OF_EL2 = "It is for a hypervisor, and the guest is at EL1."
_NO_SPECULATION = "Nothing is speculated here, so the promise holds."
_NO_ERRORS = "No error ever happens, so there is none to report or to wait for."
_AS_UNDER_KVM = "Its registers are UNDEFINED, as under a KVM that shows the field all the same."
_MISSING = "The core has no such instructions, and programs use them once they are promised."
_IN_ORDER = "Memory and TLB are always in order here, so the promise holds."

FEATURES: Final = (
    Feature(
        "EL0 in AArch32", _PFR0, "EL0", (2,), _IGNORE,
        "Only a 32-bit program notices: the run ends with a `GuestError`.",
    ),
    Feature(
        "EL1 in AArch32", _PFR0, "EL1", (2,), _IGNORE,
        "EL1 is put into AArch32 by EL2 alone, and there it is put into AArch64.",
    ),
    Feature("EL2", _PFR0, "EL2", (1, 2), _IGNORE, "From EL1 it can't be reached but by HVC."),
    Feature("EL3", _PFR0, "EL3", (1, 2), _IGNORE, "From EL1 it can't be reached but by SMC."),
    Feature("GICv4.1", _PFR0, "GIC", (3,), _IGNORE, _OF_EL2),
    Feature(
        "FEAT_RAS", _PFR0, "RAS", (1, 2), _EMULATE,
        "No error ever happens: there are no error records, and DISR_EL1 is a plain register.",
    ),
    Feature("FEAT_SVE", _PFR0, "SVE", (1,), _REFUSE, _MISSING),
    Feature("FEAT_SEL2", _PFR0, "SEL2", (1,), _IGNORE, _OF_EL2),
    Feature("FEAT_MPAM", _PFR0, "MPAM", (1,), _IGNORE, _AS_UNDER_KVM),
    Feature(
        "FEAT_AMU", _PFR0, "AMU", (1, 2), _REFUSE,
        "The guest would read activity counters that are not there.",
    ),
    Feature(
        "FEAT_DIT", _PFR0, "DIT", (1,), _EMULATE,
        "PSTATE.DIT is kept but for exceptions, which clear it; no time depends on data here.",
    ),
    Feature("FEAT_CSV2", _PFR0, "CSV2", (1,), _EMULATE, _NO_SPECULATION),
    Feature(
        "FEAT_CSV2_2", _PFR0, "CSV2", (2, 3), _REFUSE,
        "The guest would switch SCXTNUM_EL0 and SCXTNUM_EL1, which are not there.",
    ),
    Feature("FEAT_CSV3", _PFR0, "CSV3", (1,), _EMULATE, _NO_SPECULATION),
    Feature(
        "FEAT_SSBS", _PFR1, "SSBS", (1,), _EMULATE,
        "PSTATE.SSBS is kept but for exceptions, which clear it; nothing is speculated here.",
    ),
    Feature(
        "FEAT_SSBS2", _PFR1, "SSBS", (2,), _EMULATE,
        "As FEAT_SSBS, with MSR and MRS of SSBS.",
    ),
    Feature(
        "FEAT_MTE", _PFR1, "MTE", (1, 2, 3), _REFUSE,
        "Memory has no tags, and a guest that sets them expects them back.",
    ),
    Feature("FEAT_RASv1p1", _PFR1, "RAS_frac", (1,), _IGNORE, _AS_UNDER_KVM),
    Feature("FEAT_MPAMv0p1", _PFR1, "MPAM_frac", (1,), _IGNORE, _AS_UNDER_KVM),
    Feature("FEAT_CSV2_1p1", _PFR1, "CSV2_frac", (1,), _EMULATE, _NO_SPECULATION),
    Feature("FEAT_SME", _PFR1, "SME", (1, 2), _REFUSE, _MISSING),
    Feature(
        "Armv8.1 to 8.4 debug", _DFR0, "DebugVer", (7, 8, 9), _IGNORE,
        "What they add is for EL2 or for an external debugger.",
    ),
    Feature("Trace registers", _DFR0, "TraceVer", (1,), _REFUSE, "There are none."),
    Feature(
        "FEAT_PMUv3p1", _DFR0, "PMUVer", (4,), _EMULATE,
        "It widens event numbers, and there are no event counters.",
    ),
    Feature(
        "FEAT_PMUv3p4", _DFR0, "PMUVer", (5,), _EMULATE,
        "As FEAT_PMUv3p1, with a PMMIR_EL1 that says nothing.",
    ),
    Feature("FEAT_SPE", _DFR0, "PMSVer", (1, 2), _IGNORE, _AS_UNDER_KVM),
    Feature(
        "FEAT_RNG", _ISAR0, "RNDR", (1,), _REFUSE,
        "The core would draw from the host's entropy, and no run could be repeated.",
    ),
    Feature(
        "FEAT_TLBIOS, FEAT_TLBIRANGE", _ISAR0, "TLB", (1, 2), _REFUSE,
        "The core has no such TLBI, and a kernel uses them once they are promised.",
    ),
    Feature(
        "FEAT_PACIMP", _ISAR1, "API", (1, 2, 3, 4, 5), _REFUSE,
        "Signatures would differ from those in the guest's memory: the core's are QARMA5's.",
    ),
    Feature("FEAT_PACIMP (generic)", _ISAR1, "GPI", (1,), _REFUSE, "As for API."),
    Feature(
        "FEAT_EPAC, FEAT_PAuth2, FEAT_FPAC", _ISAR1, "APA", (2, 3, 4, 5), _REFUSE,
        "They change what a signature looks like, and what happens to a wrong one.",
    ),
    Feature("FEAT_LRCPC3", _ISAR1, "LRCPC", (3,), _REFUSE, _MISSING),
    Feature("FEAT_BF16", _ISAR1, "BF16", (1, 2), _REFUSE, _MISSING),
    Feature("FEAT_DGH", _ISAR1, "DGH", (1,), _EMULATE, "The hint does nothing."),
    Feature("FEAT_I8MM", _ISAR1, "I8MM", (1,), _REFUSE, _MISSING),
    Feature(
        "FEAT_XS", _ISAR1, "XS", (1,), _REFUSE,
        "The core has no TLBI with nXS, and a kernel uses them once they are promised.",
    ),
    Feature("FEAT_LS64", _ISAR1, "LS64", (1, 2, 3), _REFUSE, _MISSING),
    Feature(
        "FEAT_LPA", _MMFR0, "PARange", (6, 7), _REFUSE, "The core's page tables end at 48 bits."
    ),
    Feature(
        "FEAT_ECV", _MMFR0, "ECV", (1, 2), _REFUSE,
        "The guest would read CNTVCTSS_EL0, which is not there.",
    ),
    Feature("FEAT_FGT", _MMFR0, "FGT", (1, 2), _IGNORE, _OF_EL2),
    Feature(
        "FEAT_ExS", _MMFR0, "ExS", (1,), _EMULATE,
        "Every exception synchronises the context here, also where it need not.",
    ),
    *(
        Feature(f"{granule} at stage 2", _MMFR0, f"TGran{size}_2", (1, 2, 3), _IGNORE, _OF_EL2)
        for granule, size in (("4K", 4), ("16K", 16), ("64K", 64))
    ),
    Feature(
        "FEAT_HAFDBS", _MMFR1, "HAFDBS", (1, 2), _IGNORE,
        "The guest takes the faults of a core without it, and sets the flags itself.",
    ),
    Feature("FEAT_VMID16", _MMFR1, "VMIDBits", (2,), _IGNORE, _OF_EL2),
    Feature("FEAT_VHE", _MMFR1, "VH", (1,), _IGNORE, _OF_EL2),
    Feature(
        "FEAT_HPDS2", _MMFR1, "HPDS", (2,), _EMULATE,
        "It lends page-table bits to hardware, and none uses them.",
    ),
    Feature(
        "FEAT_PAN3", _MMFR1, "PAN", (3,), _IGNORE,
        "SCTLR_EL1.EPAN does nothing: the kernel reaches the user's execute-only pages.",
    ),
    Feature("SError on speculation", _MMFR1, "SpecSEI", (1,), _EMULATE, _NO_ERRORS),
    Feature("FEAT_XNX", _MMFR1, "XNX", (1,), _IGNORE, _OF_EL2),
    Feature("FEAT_TWED", _MMFR1, "TWED", (1,), _IGNORE, _OF_EL2),
    Feature("FEAT_ETS", _MMFR1, "ETS", (1, 2, 3), _EMULATE, _IN_ORDER),
    Feature("FEAT_HCX", _MMFR1, "HCX", (1,), _IGNORE, _OF_EL2),
    Feature("FEAT_AFP", _MMFR1, "AFP", (1,), _REFUSE, "FPCR has no AH, FIZ and NEP here."),
    Feature("FEAT_nTLBPA", _MMFR1, "nTLBPA", (1,), _EMULATE, _IN_ORDER),
    Feature("FEAT_ECBHB", _MMFR1, "ECBHB", (1,), _EMULATE, _NO_SPECULATION),
    Feature("FEAT_LSMAOC", _MMFR2, "LSM", (1,), _IGNORE, "It is for AArch32."),
    Feature("FEAT_IESB", _MMFR2, "IESB", (1,), _EMULATE, _NO_ERRORS),
    Feature(
        "FEAT_LVA", _MMFR2, "VARange", (1,), _REFUSE, "The core's page tables end at 48 bits."
    ),
    Feature(
        "FEAT_CCIDX", _MMFR2, "CCIDX", (1,), _EMULATE,
        "The form of CCSIDR_EL1 is up to who sets it.",
    ),
    Feature("FEAT_NV", _MMFR2, "NV", (1, 2), _IGNORE, _OF_EL2),
    Feature(
        "FEAT_TTST", _MMFR2, "ST", (1,), _REFUSE, "The core does not take tables that small."
    ),
    Feature(
        "FEAT_LSE2", _MMFR2, "AT", (1,), _IGNORE,
        "An unaligned exclusive or compare-and-swap takes an alignment fault all the same.",
    ),
    Feature(
        "FEAT_IDST", _MMFR2, "IDS", (1,), _EMULATE,
        "EL0's reads of the feature ID space get the syndrome of a trapped MRS.",
    ),
    Feature("FEAT_S2FWB", _MMFR2, "FWB", (1,), _IGNORE, _OF_EL2),
    Feature(
        "FEAT_TTL", _MMFR2, "TTL", (1,), _EMULATE, "The level is a hint to TLBI, and goes unused."
    ),
    Feature("FEAT_BBM", _MMFR2, "BBM", (1, 2), _EMULATE, _IN_ORDER),
    Feature("FEAT_EVT", _MMFR2, "EVT", (1, 2), _IGNORE, _OF_EL2),
    Feature(
        "FEAT_E0PD", _MMFR2, "E0PD", (1,), _IGNORE,
        "EL0 still gets a fault for the kernel's addresses, only after a walk.",
    ),
    Feature(
        "No IC for new code", "CTR_EL0", "DIC", (1,), _REFUSE,
        "The core keeps translations of code that was changed through another mapping: the guest "
        "must execute IC.",
    ),
    Feature(
        "Another block of DC ZVA", "DCZID_EL0", "BS", (0, 1, 2, 3, 5, 6, 7, 8, 9), _REFUSE,
        "The core zeroes 64 bytes.",
    ),
)  # fmt: skip
"""All policies, in the order of the ID registers' fields."""
