"""Instructions that invalidate instruction caches and TLBs, as far as other PEs notice them.

Source: DDI 0487 K.a, D7.5.9 (instruction cache maintenance) and D8.14 (TLB maintenance). What acts
on nothing but the TLB of the PE that executes it is the core's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from emu.arch.sysregs import SYS_INSTRUCTIONS, SysInstruction


class Scope(Enum):
    """What an instruction invalidates, at least."""

    CODE_LINE = "the instruction cache line of the virtual address in the argument"
    ALL_CODE = "all of the instruction cache"
    TLB_PAGE = "TLB entries of the page in the argument"
    WHOLE_TLB = "TLB entries of the whole regime, or of an ASID"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One instruction.

    Attributes:
        is_broadcast: whether it acts on all PEs of the Inner Shareable domain.
    """

    instruction: SysInstruction
    scope: Scope
    is_broadcast: bool


_LOCAL: Final = ("IC IALLU",)
_SCOPES: Final = {
    "IC IALLU": Scope.ALL_CODE,
    "IC IALLUIS": Scope.ALL_CODE,
    "IC IVAU": Scope.CODE_LINE,
    "TLBI VMALLE1IS": Scope.WHOLE_TLB,
    "TLBI VAE1IS": Scope.TLB_PAGE,
    "TLBI ASIDE1IS": Scope.WHOLE_TLB,
    "TLBI VAAE1IS": Scope.TLB_PAGE,
    "TLBI VALE1IS": Scope.TLB_PAGE,
    "TLBI VAALE1IS": Scope.TLB_PAGE,
}

MAINTENANCE: Final = tuple(
    Maintenance(row, _SCOPES[row.name], is_broadcast=row.name not in _LOCAL)
    for row in SYS_INSTRUCTIONS
    if row.name in _SCOPES
)
"""The instructions. Invalidating more than was asked for is always right, so that ASIDs and levels
make no difference."""


def tlbi_address(argument: int) -> int:
    """The virtual address in the argument of a TLBI by address: VA[55:12], in bits 43:0."""
    address = (argument & 0xFFF_FFFF_FFFF) << 12
    return address | 0xFF << 56 if address >> 55 else address
