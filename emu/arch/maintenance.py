"""Instructions that invalidate instruction caches and TLBs, as far as other PEs notice them.

Source: DDI 0487 K.a, C5.3 (encodings of SYS instructions), D7.5.9 (instruction cache maintenance)
and D8.14 (TLB maintenance). What acts on the PE that executes it alone is the core's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from emu.arch.sysregs import At


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
        at: where it is encoded.
        is_broadcast: whether it acts on all PEs of the Inner Shareable domain.
        el: lowest exception level that may execute it, SCTLR_EL1.UCI allowing.
    """

    name: str
    at: At
    scope: Scope
    is_broadcast: bool = True
    el: int = 1


MAINTENANCE: Final = (
    Maintenance("IC IALLU", (1, 0, 7, 5, 0), Scope.ALL_CODE, is_broadcast=False),
    Maintenance("IC IALLUIS", (1, 0, 7, 1, 0), Scope.ALL_CODE),
    Maintenance("IC IVAU", (1, 3, 7, 5, 1), Scope.CODE_LINE, el=0),
    Maintenance("TLBI VMALLE1IS", (1, 0, 8, 3, 0), Scope.WHOLE_TLB),
    Maintenance("TLBI VAE1IS", (1, 0, 8, 3, 1), Scope.TLB_PAGE),
    Maintenance("TLBI ASIDE1IS", (1, 0, 8, 3, 2), Scope.WHOLE_TLB),
    Maintenance("TLBI VAAE1IS", (1, 0, 8, 3, 3), Scope.TLB_PAGE),
    Maintenance("TLBI VALE1IS", (1, 0, 8, 3, 5), Scope.TLB_PAGE),
    Maintenance("TLBI VAALE1IS", (1, 0, 8, 3, 7), Scope.TLB_PAGE),
)
"""The instructions. What a TLB holds is nowhere more than a cache, so that one which says ASIDs or
levels may invalidate more than it must."""


def tlbi_address(argument: int) -> int:
    """The virtual address in the argument of a TLBI by address: VA[55:12], in bits 43:0."""
    address = (argument & 0xFFF_FFFF_FFFF) << 12
    return address | 0xFF << 56 if address >> 55 else address
