"""A64 instructions as text, by capstone."""

from __future__ import annotations

from functools import lru_cache

from capstone import CS_ARCH_ARM64, CS_MODE_ARM, Cs

_CAPSTONE = Cs(CS_ARCH_ARM64, CS_MODE_ARM)
_REMEMBERED = 1 << 16


@lru_cache(_REMEMBERED)
def disassemble(address: int, word: int) -> str:
    """An instruction: mnemonic and operands. What capstone doesn't know is `.inst`.

    Args:
        address: where it is, for the targets of branches.
        word: its 32 bits.

    >>> disassemble(0x1000, 0x17FFFFFF), disassemble(0, 0xD503201F), disassemble(0, 0x02000000)
    ('b #0xffc', 'nop', '.inst 0x02000000')
    """
    for _, _, mnemonic, operands in _CAPSTONE.disasm_lite(word.to_bytes(4, "little"), address):
        return f"{mnemonic} {operands}".rstrip()
    return f".inst {word:#010x}"
