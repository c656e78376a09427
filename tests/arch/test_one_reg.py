"""KVM's one_reg ids."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch import kvm_layouts, one_reg
from emu.arch.layouts import FPSR, SCTLR_EL1, PState
from emu.arch.one_reg import BY_NAME, ONE_REGS, Kind, OneReg
from emu.arch.sysregs import SYSREGS, UNMODELLED

IDS = {
    "X0": 0x6030_0000_0010_0000,
    "X30": 0x6030_0000_0010_003C,
    "SP_EL0": 0x6030_0000_0010_003E,
    "PC": 0x6030_0000_0010_0040,
    "PSTATE": 0x6030_0000_0010_0042,
    "SP_EL1": 0x6030_0000_0010_0044,
    "ELR_EL1": 0x6030_0000_0010_0046,
    "SPSR_EL1": 0x6030_0000_0010_0048,
    "SPSR_fiq": 0x6030_0000_0010_0050,
    "V0": 0x6040_0000_0010_0054,
    "V31": 0x6040_0000_0010_00D0,
    "FPSR": 0x6020_0000_0010_00D4,
    "FPCR": 0x6020_0000_0010_00D5,
    "CCSIDR[2]": 0x6020_0000_0011_0002,
    "MIDR_EL1": 0x6030_0000_0013_C000,
    "SCTLR_EL1": 0x6030_0000_0013_C080,
    "DBGBVR0_EL1": 0x6030_0000_0013_8004,
    "S3_0_C0_C3_3": 0x6030_0000_0013_C01B,
    "CNTV_CTL_EL0": 0x6030_0000_0013_DF19,
    "CNTVCT_EL0": 0x6030_0000_0013_DF1A,
    "CNTV_CVAL_EL0": 0x6030_0000_0013_DF02,
    "CNTPCT_EL0": 0x6030_0000_0013_DF01,
    "PSCI_VERSION": 0x6030_0000_0014_0000,
    "SMCCC_ARCH_WORKAROUND_3": 0x6030_0000_0014_0003,
    "SVE_VLS": 0x6060_0000_0015_FFFF,
    "Z0": 0x6080_0000_0015_0000,
    "Z31": 0x6080_0000_0015_03E0,
    "P0": 0x6050_0000_0015_0400,
    "P15": 0x6050_0000_0015_05E0,
    "FFR": 0x6050_0000_0015_0600,
    "STD_BMAP": 0x6030_0000_0016_0000,
    "VENDOR_HYP_BMAP_2": 0x6030_0000_0016_0003,
}
"""As arch/arm64/include/uapi/asm/kvm.h of Linux defines them, worked out by hand."""


@pytest.mark.parametrize("name", IDS)
def test_a_name_leads_to_kvm_s_id_and_back(name: str) -> None:
    assert BY_NAME[name].id == IDS[name]
    assert one_reg.find(IDS[name]) is BY_NAME[name]


def test_names_and_ids_are_unique() -> None:
    assert len(BY_NAME) == len({reg.id for reg in ONE_REGS}) == len(ONE_REGS)


@pytest.mark.parametrize("reg", ONE_REGS, ids=lambda reg: reg.name)
def test_an_id_tells_architecture_kind_and_size(reg: OneReg) -> None:
    assert reg.id >> 56 == 0x60
    assert reg.id >> 28 & 0xFF_FFFF == 0
    assert reg.id >> 16 & 0xFFF == reg.kind.value
    assert one_reg.size_bytes(reg.id) == reg.size_bytes
    assert one_reg.encode(reg.kind, reg.id & 0xFFFF, reg.size_bytes) == reg.id


def test_a_register_is_reached_by_one_id() -> None:
    """What `struct kvm_regs` holds is no system register to KVM."""
    core = {reg.name for reg in ONE_REGS if reg.kind is Kind.CORE}
    sysregs = {reg.name for reg in ONE_REGS if reg.kind is Kind.SYSREG}
    both = {"SP_EL0", "SP_EL1", "ELR_EL1", "SPSR_EL1", "FPSR", "FPCR"}
    assert both <= core
    assert sysregs == {reg.name for reg in (*SYSREGS, *UNMODELLED)} - both


def test_core_registers_do_not_overlap() -> None:
    """Their numbers are offsets in `struct kvm_regs` in words of 32 bits."""
    core = [reg for reg in ONE_REGS if reg.kind is Kind.CORE]
    ends = [4 * (reg.id & 0xFFFF) + reg.size_bytes for reg in core]
    starts = [4 * (reg.id & 0xFFFF) for reg in core]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert all(start % reg.size_bytes == 0 for start, reg in zip(starts, core, strict=True))


def test_layouts_come_with_the_registers() -> None:
    assert BY_NAME["PSTATE"].layout is PState
    assert BY_NAME["FPSR"].layout is FPSR
    assert BY_NAME["SCTLR_EL1"].layout is SCTLR_EL1
    assert BY_NAME["STD_BMAP"].layout is kvm_layouts.STD_BMAP
    assert BY_NAME["X0"].layout is None


@given(register=st.integers(0, 2**64 - 1))
def test_an_unknown_id_has_a_size_and_no_name(register: int) -> None:
    found = one_reg.find(register)
    assert found is None or found.id == register
    assert one_reg.size_bytes(register) == 2 ** (register >> 52 & 0xF)


@pytest.mark.parametrize(
    "register",
    [
        0x6030_0000_0010_0001,  # half of X0
        0x6020_0000_0010_0000,  # X0 of another size
        0x6030_0000_0013_C208,  # SP_EL0 by its encoding
        0x6020_0000_0011_000E,  # a cache selector that there is not
        0x6080_0000_0015_0001,  # the second slice of Z0
        0x4030_0000_0010_0000,  # another architecture
    ],
    ids=hex,
)
def test_ids_that_kvm_has_not_are_unknown(register: int) -> None:
    assert one_reg.find(register) is None
