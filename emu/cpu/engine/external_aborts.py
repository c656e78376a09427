"""The external abort that an access to nothing is: its syndrome, and the address that it tells.

Source: DDI 0487 K.a, D19.2.40 (ESR_EL1, ISS of instruction and data aborts) and D19.2.42 (FAR_EL1).
"""

from __future__ import annotations

from dataclasses import dataclass

from unicorn import (
    UC_MEM_FETCH_PROT,
    UC_MEM_FETCH_UNMAPPED,
    UC_MEM_WRITE_PROT,
    UC_MEM_WRITE_UNMAPPED,
)

from emu.cpu.engine.load_store import faulting_address

_EC_INSTRUCTION_ABORT_LOWER = 0x20
_EC_DATA_ABORT_LOWER = 0x24
"""From a lower exception level; from the current one they are one more."""
_IL = 1 << 25
_SYNCHRONOUS_EXTERNAL_ABORT = 0b010000
"""IFSC and DFSC of an external abort that is not of a translation table walk."""
_WNR = 1 << 6
_FNV = 1 << 10


@dataclass(frozen=True, slots=True)
class RefusedAccess:
    """An access to where there is nothing, as it was made.

    Attributes:
        access: Unicorn's UC_MEM_*.
        physical: the physical address.
        pc: where the instruction is.
        executed: instructions of this call into the core, the one at hand included if it is not
            the fetch that is refused.
        x: X0 to X30 and the current stack pointer, before a store has written its base register.
    """

    access: int
    physical: int
    pc: int
    executed: int
    x: tuple[int, ...]

    @property
    def is_fetch(self) -> bool:
        """Whether the instruction itself could not be had."""
        return self.access in (UC_MEM_FETCH_UNMAPPED, UC_MEM_FETCH_PROT)

    def address(self, word: int) -> int | None:
        """What FAR_EL1 is to hold for a load or store, `word`; None if that can't be told."""
        return faulting_address(word, self.pc, self.x, self.physical)

    def syndrome(self, el: int, address: int | None) -> int:
        """ESR_EL1 for the abort, taken from an exception level to EL1."""
        if self.is_fetch:
            return (_EC_INSTRUCTION_ABORT_LOWER + el) << 26 | _IL | _SYNCHRONOUS_EXTERNAL_ABORT
        is_write = self.access in (UC_MEM_WRITE_UNMAPPED, UC_MEM_WRITE_PROT)
        iss = _SYNCHRONOUS_EXTERNAL_ABORT | (_WNR if is_write else 0)
        return (_EC_DATA_ABORT_LOWER + el) << 26 | _IL | iss | (_FNV if address is None else 0)
