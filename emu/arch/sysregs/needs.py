"""Which feature of which ID register brings system registers and instructions with it."""

from __future__ import annotations

from emu.arch.sysregs.sysreg import Need

PAN: tuple[Need, ...] = (("ID_AA64MMFR1_EL1", "PAN", 1),)
PAN2: tuple[Need, ...] = (("ID_AA64MMFR1_EL1", "PAN", 2),)
UAO: tuple[Need, ...] = (("ID_AA64MMFR2_EL1", "UAO", 1),)
DIT: tuple[Need, ...] = (("ID_AA64PFR0_EL1", "DIT", 1),)
SSBS2: tuple[Need, ...] = (("ID_AA64PFR1_EL1", "SSBS", 2),)
RAS: tuple[Need, ...] = (("ID_AA64PFR0_EL1", "RAS", 1),)
RAS_1P1: tuple[Need, ...] = (("ID_AA64PFR0_EL1", "RAS", 2),)
GIC: tuple[Need, ...] = (("ID_AA64PFR0_EL1", "GIC", 1),)
LOR: tuple[Need, ...] = (("ID_AA64MMFR1_EL1", "LO", 1),)
PMU: tuple[Need, ...] = (("ID_AA64DFR0_EL1", "PMUVer", 1),)
PMU_V3P4: tuple[Need, ...] = (("ID_AA64DFR0_EL1", "PMUVer", 5),)
DPB: tuple[Need, ...] = (("ID_AA64ISAR1_EL1", "DPB", 1),)
DPB2: tuple[Need, ...] = (("ID_AA64ISAR1_EL1", "DPB", 2),)
SPECRES: tuple[Need, ...] = (("ID_AA64ISAR1_EL1", "SPECRES", 1),)
PAUTH: tuple[Need, ...] = tuple(
    ("ID_AA64ISAR1_EL1", field, 1) for field in ("APA", "API", "GPA", "GPI")
)


def breakpoint_unit(number: int) -> tuple[Need, ...]:
    """What breakpoint `number` needs: BRPs is one less than there are."""
    return (("ID_AA64DFR0_EL1", "BRPs", number),)


def watchpoint_unit(number: int) -> tuple[Need, ...]:
    """What watchpoint `number` needs."""
    return (("ID_AA64DFR0_EL1", "WRPs", number),)
