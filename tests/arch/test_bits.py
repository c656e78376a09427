"""Registers as classes of bit positions, and register maps."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.bits import Bits, Register, RegisterMap, Slot, bit, bits


class Example(Register):
    TOP = bits(63, 32)
    MODE = bits(5, 4, {0: "off", 3: "on"})
    FLAG = bit(0)


@given(value=st.integers(0, 2**64 - 1), mode=st.integers(0, 3), flag=st.integers(0, 1))
def test_a_field_is_its_bits_and_replacing_it_changes_no_other(
    value: int, mode: int, flag: int
) -> None:
    register = Example(value)
    parts = register.TOP, register.MODE, register.FLAG
    assert parts == (value >> 32, value >> 4 & 3, value & 1)
    changed = register.replace(MODE=mode, FLAG=flag)
    parts = changed.TOP, changed.MODE, changed.FLAG
    assert parts == (value >> 32, mode, flag)
    assert int(changed) & ~0x31 == value & ~0x31
    assert int(register) == value


@pytest.mark.parametrize("field", [4, -1])
def test_a_value_too_wide_for_its_field_is_refused(field: int) -> None:
    with pytest.raises(ValueError, match=r"MODE \[5:4\]"):
        Example().replace(MODE=field)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(AttributeError, match="NOTHING"):
        Example().replace(NOTHING=1)


@pytest.mark.parametrize(("msb", "lsb"), [(0, 1), (3, -1)])
def test_a_field_is_a_range_of_bits(msb: int, lsb: int) -> None:
    with pytest.raises(ValueError, match="not a range"):
        Bits(msb, lsb)


def test_fields_are_shown_in_declared_order_by_name_and_meaning() -> None:
    assert str(Example(0x31)) == "0x31 TOP=0 MODE=on FLAG=1"
    assert str(Example(0x10_0000_0010)) == "0x1000000010 TOP=0x10 MODE=1 FLAG=0"
    assert repr(Example(5)) == "Example(0x5)"


def test_registers_are_equal_by_layout_and_value() -> None:
    class Other(Register):
        FLAG = bit(0)

    assert Example(1) == Example(1)
    assert hash(Example(1)) == hash(Example(1))
    assert Example(1) != Example(0)
    assert Example(1) != Other(1)


MAP = RegisterMap("FRAME", Slot(0x10, "MANY", count=3), Slot(0x0, "ONE"), Slot(0x20, "WIDE", 8))


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (0x0, ("ONE", 0, 0)),
        (0x3, ("ONE", 0, 3)),
        (0x4, None),
        (0x10, ("MANY", 0, 0)),
        (0x1B, ("MANY", 2, 3)),
        (0x1C, None),
        (0x27, ("WIDE", 0, 7)),
        (0x28, None),
    ],
)
def test_an_offset_leads_to_its_register(
    offset: int, expected: tuple[str, int, int] | None
) -> None:
    found = MAP.find(offset)
    assert (found and (found[0].name, *found[1:])) == expected


def test_a_name_leads_to_its_offset() -> None:
    assert (MAP["ONE"], MAP["MANY"], MAP["WIDE"]) == (0, 0x10, 0x20)


def test_registers_of_a_map_do_not_overlap() -> None:
    with pytest.raises(ValueError, match="FRAME: MANY overlaps LATE"):
        RegisterMap("FRAME", Slot(0x8, "LATE"), Slot(0, "MANY", count=3))
