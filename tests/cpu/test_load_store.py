"""The address that a load or store names, beside what capstone says of the same word."""

from __future__ import annotations

import capstone
import pytest
from capstone import arm64
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emu.cpu.engine.load_store import faulting_address, first_address

PC = 0x4000_1000
MASK64 = (1 << 64) - 1
_DISASSEMBLER = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_LITTLE_ENDIAN)
_DISASSEMBLER.detail = True
_NUMBERS = {
    **{getattr(arm64, f"ARM64_REG_X{n}"): n for n in range(29)},
    **{getattr(arm64, f"ARM64_REG_W{n}"): n for n in range(31)},
    arm64.ARM64_REG_X29: 29,
    arm64.ARM64_REG_X30: 30,
    arm64.ARM64_REG_SP: 31,
}
_ZERO = (arm64.ARM64_REG_XZR, arm64.ARM64_REG_WZR)
_AUTHENTICATED = ("ldraa", "ldrab")
_OTHERS = ("prfm", "prfum", "ldg", "stg", "st2g", "stzg", "stz2g", "ldgm", "stgm", "stgp")

LOAD_OR_STORE = st.builds(
    lambda high, low: high << 25 | low,
    st.sampled_from([n for n in range(128) if n & 0b101 == 0b100]),
    st.integers(0, (1 << 25) - 1),
)
REGISTERS = st.integers(1, MASK64).map(
    lambda seed: [seed * (n + 1) * 0x9E37_79B9_7F4A_7C15 & MASK64 for n in range(32)]
)


def value_of(register: int, x: list[int]) -> int:
    return 0 if register in _ZERO else x[_NUMBERS[register]]


def extended(value: int, kind: int) -> int:
    signed = (value & 0xFFFF_FFFF ^ 1 << 31) - (1 << 31)
    return {arm64.ARM64_EXT_UXTW: value & 0xFFFF_FFFF, arm64.ARM64_EXT_SXTW: signed}.get(
        kind, value
    )


def expected(word: int, x: list[int]) -> int | None:
    """What capstone's operands come to; None for what is no load or store to it."""
    found = next(_DISASSEMBLER.disasm(word.to_bytes(4, "little"), PC, 1), None)
    if found is None or found.mnemonic in _OTHERS:
        return None
    memory = [operand for operand in found.operands if operand.type == arm64.ARM64_OP_MEM]
    if not memory:
        literal = [o.imm for o in found.operands if o.type == arm64.ARM64_OP_IMM]
        return literal[-1] & MASK64 if found.mnemonic.startswith("ldr") and literal else None
    (operand,) = memory
    is_post_indexed = found.writeback and word >> 28 & 3 != 0 and word >> 10 & 3 == 1
    is_post_indexed |= word >> 28 & 3 == 2 and word >> 23 & 3 == 1
    offset = 0 if is_post_indexed else operand.mem.disp
    if operand.mem.index and word >> 28 & 3 == 3:
        offset = extended(value_of(operand.mem.index, x), operand.ext) << operand.shift.value
    return (value_of(operand.mem.base, x) + offset) & MASK64


@settings(max_examples=600, deadline=None)
@given(word=LOAD_OR_STORE, x=REGISTERS)
def test_the_address_is_what_capstone_makes_of_the_operands(word: int, x: list[int]) -> None:
    theirs = expected(word, x)
    assume(theirs is not None)
    found = next(_DISASSEMBLER.disasm(word.to_bytes(4, "little"), PC, 1))
    ours = first_address(word, PC, x)
    if found.mnemonic in _AUTHENTICATED:
        assert ours is None
    else:
        assert ours == theirs, f"{found.mnemonic} {found.op_str}"


@pytest.mark.parametrize("word", [0xD503201F, 0x91000400, 0xD4000001, 0x1E6E1000], ids=hex)
def test_what_is_no_load_or_store_names_no_address(word: int) -> None:
    assert first_address(word, PC, [0] * 32) is None


@pytest.mark.parametrize(
    ("physical", "address"),
    [(0x9000_0FF8, 0x5000_0FF8), (0x9000_1000, 0x5000_1000), (0x9000_0FF0, 0x5000_0FF8)],
    ids=["its first bytes", "its bytes on the next page", "told by the aligned address below"],
)
def test_the_bytes_at_a_physical_address(physical: int, address: int) -> None:
    """LDP X3, X4, [X1] at the end of a page."""
    x = [0x5000_0FF8] * 32
    assert faulting_address(0xA9401023, PC, x, physical) == address
