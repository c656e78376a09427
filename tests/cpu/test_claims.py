"""ID registers promise nothing that the core lacks, and what they deny is UNDEFINED."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from emu.arch import id_layouts
from emu.arch.id_layouts import level
from emu.cpu import CORTEX_A72, MAX, CpuModel
from emu.cpu.engine import ISA_REGISTERS
from tests import a64
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import LoneVcpu

UNKNOWN: Final = 1 << 25
PFR0, PFR1, DFR0 = "ID_AA64PFR0_EL1", "ID_AA64PFR1_EL1", "ID_AA64DFR0_EL1"
ISAR0, ISAR1 = "ID_AA64ISAR0_EL1", "ID_AA64ISAR1_EL1"
MMFR0, MMFR1, MMFR2 = "ID_AA64MMFR0_EL1", "ID_AA64MMFR1_EL1", "ID_AA64MMFR2_EL1"

INSTRUCTIONS: Final[dict[tuple[str, str, int], int]] = {
    (ISAR0, "AES", 1): 0x4E284820,  # aese v0.16b, v1.16b
    (ISAR0, "AES", 2): 0x0EE2E020,  # pmull v0.1q, v1.1d, v2.1d
    (ISAR0, "SHA1", 1): 0x5E280820,  # sha1h s0, s1
    (ISAR0, "SHA2", 1): 0x5E282820,  # sha256su0 v0.4s, v1.4s
    (ISAR0, "SHA2", 2): 0xCEC08020,  # sha512su0 v0.2d, v1.2d
    (ISAR0, "CRC32", 1): 0x1AC34040,  # crc32b w0, w2, w3
    (ISAR0, "Atomic", 2): 0xF8230024,  # ldadd x3, x4, [x1]
    (ISAR0, "RDM", 1): 0x2E428420,  # sqrdmlah v0.4h, v1.4h, v2.4h
    (ISAR0, "SHA3", 1): 0xCE020C20,  # eor3 v0.16b, v1.16b, v2.16b, v3.16b
    (ISAR0, "SM3", 1): 0xCE62C020,  # sm3partw1 v0.4s, v1.4s, v2.4s
    (ISAR0, "SM4", 1): 0xCEC08420,  # sm4e v0.4s, v1.4s
    (ISAR0, "DP", 1): 0x2E829420,  # udot v0.2s, v1.8b, v2.8b
    (ISAR0, "FHM", 1): 0x0E22EC20,  # fmlal v0.2s, v1.2h, v2.2h
    (ISAR0, "TS", 1): 0xD500401F,  # cfinv
    (ISAR0, "TS", 2): 0xD500405F,  # axflag
    (ISAR0, "RNDR", 1): 0xD53B2400,  # mrs x0, rndr
    (ISAR1, "DPB", 1): 0xD50B7C21,  # dc cvap, x1
    (ISAR1, "DPB", 2): 0xD50B7D21,  # dc cvadp, x1
    (ISAR1, "JSCVT", 1): 0x1E7E0020,  # fjcvtzs w0, d1
    (ISAR1, "FCMA", 1): 0x6E82E420,  # fcadd v0.4s, v1.4s, v2.4s, #90
    (ISAR1, "LRCPC", 1): 0xF8BFC020,  # ldapr x0, [x1]
    (ISAR1, "LRCPC", 2): 0xD9400020,  # ldapur x0, [x1]
    (ISAR1, "FRINTTS", 1): 0x1E284020,  # frint32z s0, s1
    (ISAR1, "SB", 1): 0xD50330FF,  # sb
    (ISAR1, "SPECRES", 1): 0xD50B7380,  # cfp rctx, x0
    (PFR0, "FP", 1): 0x0E421420,  # fadd v0.4h, v1.4h, v2.4h
    (PFR0, "SVE", 1): a64.PTRUE_P0,
    (PFR0, "GIC", 1): a64.mrs(0, "ICC_PMR_EL1"),
    (PFR0, "RAS", 1): a64.mrs(0, "DISR_EL1"),
    (PFR0, "RAS", 2): a64.mrs(0, "ERXMISC2_EL1"),
    (PFR0, "DIT", 1): 0xD503415F,  # msr dit, #1
    (PFR1, "SSBS", 2): 0xD503413F,  # msr ssbs, #1
    (PFR1, "MTE", 1): 0xD503419F,  # msr tco, #1
    (DFR0, "PMUVer", 1): a64.mrs(0, "PMCR_EL0"),
    (DFR0, "PMUVer", 5): a64.mrs(0, "PMMIR_EL1"),
    (DFR0, "BRPs", 5): a64.mrs(0, "DBGBVR5_EL1"),
    (DFR0, "WRPs", 3): a64.mrs(0, "DBGWVR3_EL1"),
    (MMFR1, "PAN", 1): 0xD500419F,  # msr pan, #1
    (MMFR1, "PAN", 2): 0xD5087901,  # at s1e1rp, x1
    (MMFR1, "LO", 1): 0xC8DF7C20,  # ldlar x0, [x1]
    (MMFR2, "UAO", 1): 0xD500417F,  # msr uao, #1
}
"""What the level of a field brings with it, at EL1 and with X1 pointing to memory."""

PAC: Final = {
    "APA": 0xDAC10083,  # pacia x3, x4
    "GPA": 0x9AC33040,  # pacga x0, x2, x3
}
"""The core has both or neither."""

ELSEWHERE: Final = {
    (PFR0, "EL0"): "every test at EL0",
    (PFR0, "EL1"): "every test",
    (PFR0, "AdvSIMD"): "goes with FP, as the architecture demands",
    (PFR1, "BT"): "test_faults: a branch to what is no landing pad",
    (DFR0, "DebugVer"): "test_debug",
    (DFR0, "CTX_CMPs"): "test_debug: a breakpoint on a context",
    (MMFR0, "PARange"): "test_translation",
    (MMFR0, "ASIDBits"): "test_translation",
    (MMFR0, "BigEnd"): "test_translation",
    (MMFR0, "SNSMem"): "nothing that a non-secure guest could try",
    (MMFR0, "TGran4"): "test_translation",
    (MMFR0, "TGran16"): "test_translation",
    (MMFR0, "TGran64"): "test_translation",
    (MMFR1, "HPDS"): "test_translation",
    (MMFR2, "CnP"): "test_translation",
}
"""Promises that no single instruction shows, and where they are tested."""


def promised(model: CpuModel) -> Iterator[tuple[str, str, int]]:
    """Register, field and level of all that a model promises by itself."""
    for register in ISA_REGISTERS.keys() & vars(id_layouts).keys():
        for field in getattr(id_layouts, register).fields:
            amount = level(field, model.id_registers.get(register, 0))
            if amount > 0:
                yield register, field.name, amount


def levels(register: str, field: str) -> list[int]:
    return sorted(lv for name, of, lv in INSTRUCTIONS if (name, of) == (register, field))


def runs(lone: LoneVcpu, word: int) -> bool:
    lone.vcpu.engine.x[1] = at.DATA
    ran = lone.execute(word)
    assert ran or int(lone.esr()) == UNKNOWN
    return ran


@pytest.fixture(scope="module", params=[MAX, CORTEX_A72], ids=lambda model: model.name)
def lone(request: pytest.FixtureRequest) -> LoneVcpu:
    return LoneVcpu(model=request.param)


@pytest.mark.parametrize("model", [MAX, CORTEX_A72], ids=lambda model: model.name)
def test_every_promise_is_put_to_the_test(model: CpuModel) -> None:
    for register, field, amount in promised(model):
        tested = levels(register, field)
        assert amount in tested or (register, field) in ELSEWHERE or field in PAC, (register, field)


@pytest.mark.parametrize(("register", "field", "amount"), INSTRUCTIONS)
def test_what_is_promised_runs_and_what_is_not_is_undefined(
    lone: LoneVcpu, register: str, field: str, amount: int
) -> None:
    layout = getattr(getattr(id_layouts, register), field)
    has = level(layout, lone.model.id_registers.get(register, 0)) >= amount
    assert runs(lone, INSTRUCTIONS[register, field, amount]) == has


@pytest.mark.parametrize("word", PAC.values())
def test_pointer_authentication_is_there_if_promised(lone: LoneVcpu, word: int) -> None:
    assert runs(lone, word) == (lone.model is MAX)


def capable(register: str, field: str) -> int:
    """The level that MAX's core can keep."""
    return level(getattr(getattr(id_layouts, register), field), MAX.most(register))


@pytest.mark.parametrize(
    ("register", "field", "amount"),
    [key for key in INSTRUCTIONS if capable(key[0], key[1]) >= key[2]],
)
def test_a_feature_that_the_board_denies_is_undefined(
    register: str, field: str, amount: int
) -> None:
    """One level less than the instruction needs; all lesser levels stay."""
    layout = getattr(getattr(id_layouts, register), field)
    lesser = max([lv for lv in levels(register, field) if lv < amount], default=0)
    value = layout.insert(MAX.most(register), lesser % 16)
    lone = LoneVcpu(id_registers={register: value})
    assert not runs(lone, INSTRUCTIONS[register, field, amount])
    for lv in levels(register, field):
        assert runs(lone, INSTRUCTIONS[register, field, lv]) == (lv < amount)
    assert runs(lone, a64.mrs(0, register))
    assert lone.vcpu.engine.x[0] == value
    lone.vcpu.engine.close()


def test_pointer_authentication_is_undefined_if_the_board_denies_it() -> None:
    value = MAX.id_registers[ISAR1] & ~(0xF0 | 0xF << 24)
    lone = LoneVcpu(id_registers={ISAR1: value})
    for word in (*PAC.values(), a64.mrs(0, "APIAKeyLo_EL1"), a64.msr("APGAKeyHi_EL1", 0)):
        assert not runs(lone, word)
    lone.vcpu.engine.close()
