"""Registers as text: nothing is left out, and what says nothing takes little room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from emu.arch import kvm
from emu.inspect.describe.views.registers import RegisterView, Section
from harness.report.description.layout import WIDTH
from harness.report.description.registers import register_lines, section_lines


def lines(*registers: RegisterView, in_full: bool = False) -> list[str]:
    return [str(line) for line in register_lines(registers, "  ", in_full=in_full)]


def test_a_register_with_fields_has_a_line_of_its_own() -> None:
    register = RegisterView("CNTV_CTL_EL0", 5, fields={"ISTATUS": "1", "ENABLE": "1"})
    assert lines(register) == ["  CNTV_CTL_EL0 0x5 ISTATUS=1 ENABLE=1"]


def test_registers_without_fields_stand_in_columns_by_their_width() -> None:
    shown = lines(
        RegisterView("PC", 1),
        RegisterView("FPSR", 2, size_bytes=4),
        RegisterView("ELR_EL1", 3),
        RegisterView("V0", "0x" + "0" * 31 + "4", size_bytes=16),
    )
    assert shown == [
        "       PC 0x0000000000000001  ELR_EL1 0x0000000000000003",
        "  FPSR 0x00000002",
        "  V0 0x00000000000000000000000000000004",
    ]


def test_registers_at_zero_are_named_unless_all_are_wanted() -> None:
    zero = RegisterView("X0", 0), RegisterView("V0", "0x" + "0" * 32, size_bytes=16)
    assert lines(*zero) == ["  at zero: X0, V0"]
    assert lines(*zero, in_full=True) == [
        "  X0 0x0000000000000000",
        "  V0 0x00000000000000000000000000000000",
    ]


def test_registers_that_were_never_written_are_named() -> None:
    assert lines(RegisterView("FAR_EL1", kvm.NEVER_WRITTEN)) == ["  never written: FAR_EL1"]


def test_a_register_without_a_name_is_shown_by_its_key_even_at_zero() -> None:
    assert lines(
        RegisterView("unknown", 0, 48, known=False),
        RegisterView("unknown", 7, 0x6030_0000_0013_FFFF, known=False),
    ) == ["  unknown 48 0x0", "  unknown 0x603000000013ffff 0x7"]


def test_a_group_has_its_title() -> None:
    group = Section("timer", (RegisterView("CNTVCT_EL0", 0),))
    assert list(section_lines(group, "  ")) == ["  timer", "    at zero: CNTVCT_EL0"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=80))
def test_every_register_is_shown_once(rows: list[tuple[bool, int]]) -> None:
    registers = [
        RegisterView(f"R{index}", value, fields={"F": "1"} if has_fields else None)
        for index, (has_fields, value) in enumerate(rows)
    ]
    shown = lines(*registers)
    assert all(len(line) <= WIDTH for line in shown)
    words = " ".join(shown).replace(",", "").split()
    assert sorted(word for word in words if word.startswith("R")) == sorted(
        register.name for register in registers
    )
