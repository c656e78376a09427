"""What ESR_EL1.ISS says, by exception class.

Source: DDI 0487 K.a, D19.2.40, "ISS encoding for an exception from …".
"""

from __future__ import annotations

from emu.arch.bits import Register, bit, bits
from emu.arch.layouts import ESR_EL1

_LEVELS = range(4)
FAULT_STATUS = {
    **{0b000000 + n: f"address size fault, level {n}" for n in _LEVELS},
    **{0b000100 + n: f"translation fault, level {n}" for n in _LEVELS},
    **{0b001000 + n: f"access flag fault, level {n}" for n in _LEVELS},
    **{0b001100 + n: f"permission fault, level {n}" for n in _LEVELS},
    0b010000: "external abort",
    0b010001: "tag check fault",
    **{0b010100 + n: f"external abort on the table walk, level {n}" for n in _LEVELS},
    0b100001: "alignment fault",
    0b110000: "TLB conflict abort",
}
"""IFSC and DFSC."""


class DataAbortISS(Register):
    """A load or store that was aborted; watchpoints have the same fields."""

    ISV = bit(24)
    SAS = bits(23, 22)
    SSE = bit(21)
    SRT = bits(20, 16)
    SF = bit(15)
    AR = bit(14)
    SET = bits(12, 11)
    FnV = bit(10)
    EA = bit(9)
    CM = bit(8)
    S1PTW = bit(7)
    WnR = bit(6, {0: "load", 1: "store"})
    DFSC = bits(5, 0, FAULT_STATUS)


class InstructionAbortISS(Register):
    """An instruction that could not be fetched."""

    SET = bits(12, 11)
    FnV = bit(10)
    EA = bit(9)
    S1PTW = bit(7)
    IFSC = bits(5, 0, FAULT_STATUS)


class ImmediateISS(Register):
    """SVC, HVC, SMC and BRK: the instruction's operand."""

    imm16 = bits(15, 0)


class SystemRegisterISS(Register):
    """A trapped MSR, MRS or system instruction."""

    Op0 = bits(21, 20)
    Op2 = bits(19, 17)
    Op1 = bits(16, 14)
    CRn = bits(13, 10)
    Rt = bits(9, 5)
    CRm = bits(4, 1)
    Direction = bit(0, {0: "MSR", 1: "MRS"})


class WaitISS(Register):
    """A trapped WFI or WFE."""

    CV = bit(24)
    COND = bits(23, 20)
    TI = bits(1, 0, {0: "WFI", 1: "WFE"})


class BranchTargetISS(Register):
    """A branch to where none is allowed."""

    BTYPE = bits(1, 0)


class SErrorISS(Register):
    """An SError."""

    IDS = bit(24)
    AET = bits(12, 10)
    EA = bit(9)
    DFSC = bits(5, 0)


ISS: dict[int, type[Register]] = {
    0x01: WaitISS,
    0x0D: BranchTargetISS,
    **dict.fromkeys((0x15, 0x16, 0x17, 0x3C), ImmediateISS),
    0x18: SystemRegisterISS,
    **dict.fromkeys((0x20, 0x21), InstructionAbortISS),
    **dict.fromkeys((0x24, 0x25, 0x34, 0x35), DataAbortISS),
    0x2F: SErrorISS,
}
"""The layout of ISS by exception class. The other classes have an ISS of zero, or a rare one."""


def syndrome_text(esr: int) -> str:
    """ESR_EL1 in words: the exception class, and the fields of its ISS that say something.

    >>> syndrome_text(0x9600_0045), syndrome_text(0x5600_0123)
    ('data abort from EL1 (WnR=store, DFSC=translation fault, level 1)', 'SVC (imm16=0x123)')
    """
    value = ESR_EL1(esr)
    name = dict(value.decoded())["EC"]
    if value.EC not in ISS:
        return f"{name} (ISS={value.ISS:#x})" if value.ISS else name
    layout = ISS[value.EC]
    shown = ", ".join(
        f"{field}={text}" for field, text in layout(value.ISS).decoded() if text != "0"
    )
    return f"{name} ({shown})" if shown else name
