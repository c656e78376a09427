"""Syndromes in words."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.layouts import EXCEPTION_CLASSES
from emu.arch.syndromes import ISS, syndrome_text


@pytest.mark.parametrize(
    ("esr", "text"),
    [
        (0x0200_0000, "unknown"),
        (0x9600_0007, "data abort from EL1 (WnR=load, DFSC=translation fault, level 3)"),
        (0x9600_0061, "data abort from EL1 (WnR=store, DFSC=alignment fault)"),
        (0x9200_0050, "data abort from EL0 (WnR=store, DFSC=external abort)"),
        (0x8600_000D, "instruction abort from EL1 (IFSC=permission fault, level 1)"),
        (0xF200_0001, "BRK (imm16=1)"),
        (0x5600_0000, "SVC"),
        (0x6230_0381, "trapped MSR/MRS (Op0=3, Rt=0x1c, Direction=MRS)"),
        (0x0600_0001, "trapped WFI/WFE (TI=WFE)"),
        (0xC200_0001, "breakpoint from EL0 (ISS=0x1)"),
    ],
)
def test_a_syndrome_is_told_in_words(esr: int, text: str) -> None:
    assert syndrome_text(esr) == text


def test_every_layout_is_of_an_exception_class() -> None:
    assert ISS.keys() <= EXCEPTION_CLASSES.keys()


@given(st.integers(0, (1 << 64) - 1))
def test_any_value_has_words(esr: int) -> None:
    assert syndrome_text(esr)
