"""The system-register table."""

from __future__ import annotations

from collections import Counter

import pytest

from emu.arch.sysregs import (
    BY_ENCODING,
    BY_NAME,
    BY_SQUIB_KEY,
    SYSREGS,
    UNMODELLED,
    Model,
    SysReg,
)

SQUIB_KEYS = range(1, 48)

ENCODINGS = {
    "SCTLR_EL1": (3, 0, 1, 0, 0),
    "ACTLR_EL1": (3, 0, 1, 0, 1),
    "CPACR_EL1": (3, 0, 1, 0, 2),
    "TTBR0_EL1": (3, 0, 2, 0, 0),
    "TTBR1_EL1": (3, 0, 2, 0, 1),
    "TCR_EL1": (3, 0, 2, 0, 2),
    "APIAKeyLo_EL1": (3, 0, 2, 1, 0),
    "APIAKeyHi_EL1": (3, 0, 2, 1, 1),
    "APIBKeyLo_EL1": (3, 0, 2, 1, 2),
    "APDAKeyLo_EL1": (3, 0, 2, 2, 0),
    "APDBKeyHi_EL1": (3, 0, 2, 2, 3),
    "APGAKeyHi_EL1": (3, 0, 2, 3, 1),
    "SPSR_EL1": (3, 0, 4, 0, 0),
    "ELR_EL1": (3, 0, 4, 0, 1),
    "SP_EL0": (3, 0, 4, 1, 0),
    "SP_EL1": (3, 4, 4, 1, 0),
    "ICC_PMR_EL1": (3, 0, 4, 6, 0),
    "AFSR0_EL1": (3, 0, 5, 1, 0),
    "AFSR1_EL1": (3, 0, 5, 1, 1),
    "ESR_EL1": (3, 0, 5, 2, 0),
    "FAR_EL1": (3, 0, 6, 0, 0),
    "PAR_EL1": (3, 0, 7, 4, 0),
    "PMINTENSET_EL1": (3, 0, 9, 14, 1),
    "MAIR_EL1": (3, 0, 10, 2, 0),
    "AMAIR_EL1": (3, 0, 10, 3, 0),
    "VBAR_EL1": (3, 0, 12, 0, 0),
    "ICC_IAR0_EL1": (3, 0, 12, 8, 0),
    "ICC_AP0R0_EL1": (3, 0, 12, 8, 4),
    "ICC_AP1R0_EL1": (3, 0, 12, 9, 0),
    "ICC_DIR_EL1": (3, 0, 12, 11, 1),
    "ICC_SGI1R_EL1": (3, 0, 12, 11, 5),
    "ICC_IAR1_EL1": (3, 0, 12, 12, 0),
    "ICC_EOIR1_EL1": (3, 0, 12, 12, 1),
    "ICC_BPR1_EL1": (3, 0, 12, 12, 3),
    "ICC_CTLR_EL1": (3, 0, 12, 12, 4),
    "ICC_SRE_EL1": (3, 0, 12, 12, 5),
    "ICC_IGRPEN1_EL1": (3, 0, 12, 12, 7),
    "CONTEXTIDR_EL1": (3, 0, 13, 0, 1),
    "TPIDR_EL1": (3, 0, 13, 0, 4),
    "CNTKCTL_EL1": (3, 0, 14, 1, 0),
    "CSSELR_EL1": (3, 2, 0, 0, 0),
    "CTR_EL0": (3, 3, 0, 0, 1),
    "DCZID_EL0": (3, 3, 0, 0, 7),
    "FPCR": (3, 3, 4, 4, 0),
    "FPSR": (3, 3, 4, 4, 1),
    "PMCR_EL0": (3, 3, 9, 12, 0),
    "PMCNTENSET_EL0": (3, 3, 9, 12, 1),
    "PMOVSCLR_EL0": (3, 3, 9, 12, 3),
    "PMSWINC_EL0": (3, 3, 9, 12, 4),
    "PMSELR_EL0": (3, 3, 9, 12, 5),
    "PMCCNTR_EL0": (3, 3, 9, 13, 0),
    "PMXEVTYPER_EL0": (3, 3, 9, 13, 1),
    "PMXEVCNTR_EL0": (3, 3, 9, 13, 2),
    "PMUSERENR_EL0": (3, 3, 9, 14, 0),
    "PMOVSSET_EL0": (3, 3, 9, 14, 3),
    "TPIDR_EL0": (3, 3, 13, 0, 2),
    "TPIDRRO_EL0": (3, 3, 13, 0, 3),
    "CNTFRQ_EL0": (3, 3, 14, 0, 0),
    "CNTPCT_EL0": (3, 3, 14, 0, 1),
    "CNTVCT_EL0": (3, 3, 14, 0, 2),
    "CNTP_TVAL_EL0": (3, 3, 14, 2, 0),
    "CNTP_CTL_EL0": (3, 3, 14, 2, 1),
    "CNTP_CVAL_EL0": (3, 3, 14, 2, 2),
    "CNTV_TVAL_EL0": (3, 3, 14, 3, 0),
    "CNTV_CTL_EL0": (3, 3, 14, 3, 1),
    "CNTV_CVAL_EL0": (3, 3, 14, 3, 2),
    "PMCCFILTR_EL0": (3, 3, 14, 15, 7),
    "CNTVOFF_EL2": (3, 4, 14, 0, 3),
    "MDSCR_EL1": (2, 0, 0, 2, 2),
    "DBGBVR5_EL1": (2, 0, 0, 5, 4),
    "DBGBCR0_EL1": (2, 0, 0, 0, 5),
    "DBGWVR3_EL1": (2, 0, 0, 3, 6),
    "DBGWCR1_EL1": (2, 0, 0, 1, 7),
    "OSLAR_EL1": (2, 0, 1, 0, 4),
    "OSLSR_EL1": (2, 0, 1, 1, 4),
    "OSDLR_EL1": (2, 0, 1, 3, 4),
    "MIDR_EL1": (3, 0, 0, 0, 0),
    "MPIDR_EL1": (3, 0, 0, 0, 5),
    "REVIDR_EL1": (3, 0, 0, 0, 6),
    "ID_AA64PFR0_EL1": (3, 0, 0, 4, 0),
    "ID_AA64PFR1_EL1": (3, 0, 0, 4, 1),
    "ID_AA64ZFR0_EL1": (3, 0, 0, 4, 4),
    "ID_AA64DFR0_EL1": (3, 0, 0, 5, 0),
    "ID_AA64ISAR0_EL1": (3, 0, 0, 6, 0),
    "ID_AA64ISAR1_EL1": (3, 0, 0, 6, 1),
    "ID_AA64MMFR0_EL1": (3, 0, 0, 7, 0),
    "ID_AA64MMFR1_EL1": (3, 0, 0, 7, 1),
    "ID_AA64MMFR2_EL1": (3, 0, 0, 7, 2),
}
"""As arch/arm64/include/asm/sysreg.h of Linux 6.1 and GNU binutils have them."""

MORE_ENCODINGS = {
    "DBGBVR6_EL1": (2, 0, 0, 6, 4),
    "DBGBCR15_EL1": (2, 0, 0, 15, 5),
    "DBGWVR4_EL1": (2, 0, 0, 4, 6),
    "DBGWCR15_EL1": (2, 0, 0, 15, 7),
    "MDCCINT_EL1": (2, 0, 0, 2, 0),
    "DBGVCR32_EL2": (2, 4, 0, 7, 0),
    "ID_PFR0_EL1": (3, 0, 0, 1, 0),
    "ID_MMFR3_EL1": (3, 0, 0, 1, 7),
    "ID_MMFR4_EL1": (3, 0, 0, 2, 6),
    "ID_ISAR6_EL1": (3, 0, 0, 2, 7),
    "MVFR2_EL1": (3, 0, 0, 3, 2),
    "S3_0_C0_C3_3": (3, 0, 0, 3, 3),
    "ID_PFR2_EL1": (3, 0, 0, 3, 4),
    "ID_AA64PFR2_EL1": (3, 0, 0, 4, 2),
    "ID_AA64SMFR0_EL1": (3, 0, 0, 4, 5),
    "ID_AA64FPFR0_EL1": (3, 0, 0, 4, 7),
    "ID_AA64AFR1_EL1": (3, 0, 0, 5, 5),
    "ID_AA64ISAR3_EL1": (3, 0, 0, 6, 3),
    "ID_AA64MMFR4_EL1": (3, 0, 0, 7, 4),
    "S3_0_C0_C7_7": (3, 0, 0, 7, 7),
    "CLIDR_EL1": (3, 1, 0, 0, 1),
    "AIDR_EL1": (3, 1, 0, 0, 7),
    "SCTLR2_EL1": (3, 0, 1, 0, 3),
    "ZCR_EL1": (3, 0, 1, 2, 0),
    "TCR2_EL1": (3, 0, 2, 0, 3),
    "PIRE0_EL1": (3, 0, 10, 2, 2),
    "PIR_EL1": (3, 0, 10, 2, 3),
    "POR_EL1": (3, 0, 10, 2, 4),
    "POR_EL0": (3, 3, 10, 2, 4),
    "DISR_EL1": (3, 0, 12, 1, 1),
    "DACR32_EL2": (3, 4, 3, 0, 0),
    "IFSR32_EL2": (3, 4, 5, 0, 1),
    "FPEXC32_EL2": (3, 4, 5, 3, 0),
    "PMEVCNTR0_EL0": (3, 3, 14, 8, 0),
    "PMEVCNTR30_EL0": (3, 3, 14, 11, 6),
    "PMEVTYPER8_EL0": (3, 3, 14, 13, 0),
    "PMEVTYPER30_EL0": (3, 3, 14, 15, 6),
    "ICC_AP0R3_EL1": (3, 0, 12, 8, 7),
    "ICC_AP1R1_EL1": (3, 0, 12, 9, 1),
}
"""As Linux 6.1 has them in that file, or later releases in KVM's get-reg-list.c selftest."""

KVM_IDS = {
    "SCTLR_EL1": 0x6030_0000_0013_C080,
    "MPIDR_EL1": 0x6030_0000_0013_C005,
    "MIDR_EL1": 0x6030_0000_0013_C000,
    "SP_EL0": 0x6030_0000_0013_C208,
    "CNTV_CTL_EL0": 0x6030_0000_0013_DF19,
    "CNTV_CVAL_EL0": 0x6030_0000_0013_DF02,
    "CNTVCT_EL0": 0x6030_0000_0013_DF1A,
    "TPIDR_EL0": 0x6030_0000_0013_DE82,
    "CSSELR_EL1": 0x6030_0000_0013_D000,
    "MDSCR_EL1": 0x6030_0000_0013_8012,
}
"""KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG, and the encoding: but for the virtual
timer's count and compare value, which have each other's."""


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_register_is_encoded_as_elsewhere(name: str) -> None:
    assert BY_NAME[name].at == ENCODINGS[name]


@pytest.mark.parametrize("name", KVM_IDS)
def test_one_reg_ids_are_those_of_kvm(name: str) -> None:
    assert BY_NAME[name].one_reg_id == KVM_IDS[name]


def test_names_and_encodings_are_unique() -> None:
    assert len(BY_NAME) == len(BY_ENCODING) == len(SYSREGS)
    everything = (*SYSREGS, *UNMODELLED)
    assert len({reg.name for reg in everything}) == len(everything)
    assert len({reg.encoding for reg in everything}) == len(everything)


def test_registers_that_kvm_lists_are_encoded_as_elsewhere() -> None:
    found = {reg.name: reg.at for reg in (*SYSREGS, *UNMODELLED)}
    assert MORE_ENCODINGS.items() <= found.items()


def test_nothing_models_or_saves_a_register_that_the_machine_has_not() -> None:
    assert all((reg.model is Model.NONE) == (reg in UNMODELLED) for reg in (*SYSREGS, *UNMODELLED))
    assert not any(reg.saved or reg.squib_key for reg in UNMODELLED)


def test_every_identification_register_has_a_row() -> None:
    """The 56 encodings S3_0_C0_C1_0 to S3_0_C0_C7_7, reserved ones included."""
    rows = {reg.at: reg.access for reg in (*SYSREGS, *UNMODELLED)}
    assert {rows[3, 0, 0, crm, op2] for crm in range(1, 8) for op2 in range(8)} == {"RO"}


def test_squib_s_keys_are_complete_and_unique() -> None:
    keys = Counter(reg.squib_key for reg in SYSREGS if reg.squib_key is not None)
    assert sorted(keys.elements()) == list(SQUIB_KEYS)
    assert list(BY_SQUIB_KEY) != []
    assert all(BY_SQUIB_KEY[key].squib_key == key for key in SQUIB_KEYS)


@pytest.mark.parametrize("reg", [*SYSREGS, *UNMODELLED], ids=lambda reg: reg.name)
def test_a_row_is_consistent(reg: SysReg) -> None:
    """Fields fit their encoding; op1 tells the exception level; ID registers are read-only."""
    assert all(0 <= part < limit for part, limit in zip(reg.at, (4, 8, 16, 16, 8), strict=True))
    assert reg.at[0] in (2, 3)
    op1_needs_el = {3: 0, 4: 2}.get(reg.at[1], 1)
    assert reg.el == op1_needs_el
    assert reg.write_el >= reg.el
    if reg.model is Model.ID:
        assert reg.access == "RO"
    if reg.access == "WO":
        assert not reg.saved
    if reg.name[-3:-1] == "EL" and reg.model is not Model.BANKED_SP:
        assert reg.el <= int(reg.name[-1])


def test_a_row_is_shown_with_its_generic_name() -> None:
    assert str(BY_NAME["CNTV_CTL_EL0"]) == "CNTV_CTL_EL0 (S3_3_C14_C3_1)"
