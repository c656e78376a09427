"""What a row of the system-register table says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from emu.arch.bits import Register

KVM_REG_ARM64_SYSREG = 0x6030_0000_0013_0000
"""KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG (arch/arm64/include/uapi/asm/kvm.h)."""


_CNTVCT_EL0, _CNTV_CVAL_EL0 = 0xDF02, 0xDF1A
_KVM_SWAPPED = {_CNTVCT_EL0: _CNTV_CVAL_EL0, _CNTV_CVAL_EL0: _CNTVCT_EL0}
"""KVM_REG_ARM_TIMER_CNT and _CVAL have each other's encoding: by mistake, and now for ever
(arch/arm64/include/uapi/asm/kvm.h, "accidentally swapped")."""


class Model(Enum):
    """Which part of the machine gives a register its behaviour."""

    CORE = "core"
    """The CPU core itself."""
    STORED = "stored"
    """A plain read-write word, where the core would ignore writes."""
    ZERO = "zero"
    """Reads as zero, and ignores writes."""
    PSTATE = "pstate"
    """Some bits of PSTATE, where they are in SPSR_EL1."""
    ID = "id"
    """A constant of the board."""
    CACHE = "cache"
    """CCSIDR_EL1, one of which there is for each cache: CSSELR_EL1 selects."""
    BANKED_SP = "banked-sp"
    """SP_EL0 and SP_EL1: where they live depends on the exception level."""
    FP = "fp"
    """FPCR and FPSR."""
    TIMER = "timer"
    PMU = "pmu"
    GIC = "gic"
    NONE = "none"
    """The machine has no such register."""


Access = Literal["RW", "RO", "WO"]

At = tuple[int, int, int, int, int]
"""op0, op1, CRn, CRm, op2, as in MRS, MSR and SYS."""

Need = tuple[str, str, int]
"""An ID register, a field of it, and the least that it must promise."""


def encoding_of(at: At) -> int:
    """op0:op1:CRn:CRm:op2 packed into 16 bits."""
    op0, op1, crn, crm, op2 = at
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2


@dataclass(frozen=True, slots=True)
class SysReg:
    """One AArch64 system register, 64 bits wide.

    Attributes:
        at: where it is encoded.
        el: lowest exception level that may access it (a control register may narrow that).
        read_only_at_el0: whether EL0, which may read it, may not write it.
        squib_key: key in squib's `sys_regs` map, None if squib has none.
        saved: whether it holds state, so that a snapshot must carry it.
        writable: the bits that a write changes, for `Model.STORED`; those of PSTATE, for
            `Model.PSTATE`.
        needs: the guest has the register if one of these ID register fields promises it; always,
            if there are none.
    """

    name: str
    at: At
    model: Model
    access: Access = "RW"
    el: int = 1
    squib_key: int | None = None
    saved: bool = True
    writable: int = (1 << 64) - 1
    layout: type[Register] | None = None
    read_only_at_el0: bool = False
    needs: tuple[Need, ...] = ()

    @property
    def write_el(self) -> int:
        """Lowest exception level that may write it."""
        return 1 if self.read_only_at_el0 else self.el

    @property
    def encoding(self) -> int:
        """op0:op1:CRn:CRm:op2 packed into 16 bits, as in KVM's ids."""
        return encoding_of(self.at)

    @property
    def one_reg_id(self) -> int:
        """The id by which KVM_GET_ONE_REG and KVM_SET_ONE_REG name it."""
        return KVM_REG_ARM64_SYSREG | _KVM_SWAPPED.get(self.encoding, self.encoding)

    def __str__(self) -> str:
        op0, op1, crn, crm, op2 = self.at
        return f"{self.name} (S{op0}_{op1}_C{crn}_C{crm}_{op2})"


@dataclass(frozen=True, slots=True)
class SysInstruction:
    """A system instruction: an encoding of SYS with op0 1.

    Attributes:
        at: where it is encoded.
        el: lowest exception level that may execute it (a control register may narrow that).
        needs: as of a `SysReg`.
    """

    name: str
    at: At
    el: int = 1
    needs: tuple[Need, ...] = ()
