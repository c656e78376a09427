"""Instructions that the core takes for UNDEFINED, and that are something else on this vCPU."""

from __future__ import annotations

from typing import Final

from emu.arch.bits import Register, bit, bits
from emu.arch.id_layouts import ID_AA64MMFR2_EL1
from emu.arch.sysregs import BY_NAME
from emu.cpu.engine import UNKNOWN_SYNDROME, Engine
from emu.cpu.identity import Identity

_EC_TRAPPED_SYSTEM: Final = 0x18
_IL: Final = 1 << 25
_MSR_IMMEDIATE: Final = (0xFFF8_F01F, 0xD500_401F)
_MRS: Final = (0xFFF0_0000, 0xD530_0000)
_EMULATED: Final = {(3, 1): "SSBS", (3, 2): "DIT"}
"""op1 and op2 of MSR (immediate), for what the core does not know (DDI 0487 K.a, C6.2.229)."""
_DAIF_SET, _DAIF_CLEAR = (3, 6), (3, 7)


class _Instruction(Register):
    """MRS, MSR or SYS (DDI 0487 K.a, C4.1.94)."""

    L = bit(21)
    op0 = bits(20, 19)
    op1 = bits(18, 16)
    CRn = bits(15, 12)
    CRm = bits(11, 8)
    op2 = bits(7, 5)
    Rt = bits(4, 0)


class UndefinedInstructions:
    """Decides about instructions that the core would raise an UNDEFINED exception for.

    Args:
        engine: the core.
        identity: what the vCPU is.
    """

    def __init__(self, engine: Engine, identity: Identity) -> None:
        self._engine = engine
        self._masks = {
            at: BY_NAME[name].writable
            for at, name in _EMULATED.items()
            if identity.promises(BY_NAME[name].needs)
        }
        self._id_space_traps = bool(ID_AA64MMFR2_EL1(identity.get("ID_AA64MMFR2_EL1")).IDS)

    def __call__(self, word: int) -> int | None:
        """Carry the instruction out; or give the syndrome of the exception that it raises."""
        instruction = _Instruction(word)
        at_el0 = self._engine.el == 0
        if _is(word, _MSR_IMMEDIATE):
            at = instruction.op1, instruction.op2
            if at in self._masks:
                mask = self._masks[at]
                self._engine.set_pstate_bits(mask, mask if instruction.CRm & 1 else 0)
                return None
            if at_el0 and at in (_DAIF_SET, _DAIF_CLEAR):
                return _trapped(instruction)
        if at_el0 and self._id_space_traps and _is(word, _MRS) and _in_id_space(instruction):
            return _trapped(instruction)
        return UNKNOWN_SYNDROME


def _is(word: int, pattern: tuple[int, int]) -> bool:
    mask, value = pattern
    return word & mask == value


def _in_id_space(instruction: _Instruction) -> bool:
    """Whether it reads the feature ID space, which FEAT_IDST is about (D19.2.74, IDS)."""
    return (
        instruction.op0 == 3
        and instruction.op1 in (0, 1, 3)
        and instruction.CRn == 0
        and instruction.CRm < 8
    )


def _trapped(instruction: _Instruction) -> int:
    """The syndrome of a trapped MSR, MRS or system instruction (D19.2.40)."""
    return (
        _EC_TRAPPED_SYSTEM << 26
        | _IL
        | instruction.op0 << 20
        | instruction.op2 << 17
        | instruction.op1 << 14
        | instruction.CRn << 10
        | instruction.Rt << 5
        | instruction.CRm << 1
        | instruction.L
    )
