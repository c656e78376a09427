"""The guests of the processor benchmark: loops without end, a few instructions long."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from emu.boards.squib import PL011, SQUIB
from emu.core.ram import Ram
from tests import a64

RAM_SIZE_BYTES: Final = 6 << 20
CODE: Final = SQUIB.kernel_base
VECTORS: Final = CODE + 0x1_0000
TABLE: Final = CODE + 0x2_0000
DATA: Final = CODE + 0x3_0000

SYNC_VECTOR: Final = VECTORS + 0x200
IRQ_VECTOR: Final = VECTORS + 0x280

EL1H: Final = SQUIB.boot_pstate
EL1H_IRQ_OPEN: Final = EL1H & ~0x80

SGI: Final = 1
_SGI_TO_SELF = SGI << 24 | 1
"""ICC_SGI1R_EL1: to affinity 0.0.0.0, which is vCPU 0."""

PL011_FR: Final = 0x18
_WAIT_TICKS = 10

_BLOCK_OF_1_GIB = 1 << 10 | 3 << 8 | 1  # accessed, inner shareable, for EL1 only
_NEVER_EXECUTED = 1 << 54 | 1 << 53
_ALIAS = 1 << 30
"""Above its address RAM is mapped once more, and not executable, as a kernel's data is."""

TRANSLATION: Final = {
    "MAIR_EL1": 0xFF,
    "TCR_EL1": 2 << 32 | 1 << 23 | 25,
    "TTBR0_EL1": TABLE,
}
"""4K granule, 39-bit addresses by TTBR0 and none by TTBR1, 40-bit physical ones."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A loop.

    Attributes:
        code: the loop, at `CODE`.
        instructions: of one round, exception handlers included.
        sync_handler: what is at the vector of synchronous exceptions.
        irq_handler: what is at the vector of IRQs.
        x: X registers that are not zero.
        pstate: PSTATE as in SPSR_EL1.
        mmu: RAM is mapped one to one; otherwise the MMU is off.
    """

    code: tuple[int, ...]
    instructions: int
    sync_handler: tuple[int, ...] = ()
    irq_handler: tuple[int, ...] = ()
    x: Mapping[int, int] = field(default_factory=dict)
    pstate: int = EL1H
    mmu: bool = False

    def new_ram(self) -> Ram:
        """RAM with the guest and its page table in it."""
        ram = Ram(SQUIB.dram_base, RAM_SIZE_BYTES)
        for address, words in (
            (CODE, self.code),
            (SYNC_VECTOR, self.sync_handler),
            (IRQ_VECTOR, self.irq_handler),
        ):
            ram.write(address, struct.pack(f"<{len(words)}I", *words))
        block = SQUIB.dram_base >> 30
        entry = block << 30 | _BLOCK_OF_1_GIB
        ram.write(TABLE + 8 * block, struct.pack("<2Q", entry, entry | _NEVER_EXECUTED))
        return ram


def _loop(*body: int) -> tuple[int, ...]:
    return *body, a64.b(-len(body))


_SUMS = _loop(*[a64.ADD_X0_1, a64.MOV_X3_X0] * 32)
_COPIES = _loop(*[a64.LDR_X0_X1, a64.ADD_X0_1, a64.STR_X2_X1, a64.MOV_X3_X0] * 16)

ARITHMETIC: Final = Guest(_SUMS, instructions=len(_SUMS))
LOADS_AND_STORES: Final = Guest(_COPIES, instructions=len(_COPIES), x={1: DATA + _ALIAS}, mmu=True)
STORES_TO_CODE: Final = Guest(_COPIES, instructions=len(_COPIES), x={1: DATA}, mmu=True)
"""The core looks whether each store changes code that it has translated."""
EMPTY: Final = Guest(_loop(a64.NOP), instructions=2)
EXCEPTION: Final = Guest(_loop(a64.svc(0)), instructions=3, sync_handler=(a64.ERET,))
INTERRUPT: Final = Guest(
    _loop(a64.msr("ICC_SGI1R_EL1", 1)),
    instructions=5,
    irq_handler=(a64.mrs(0, "ICC_IAR1_EL1"), a64.msr("ICC_EOIR1_EL1", 0), a64.ERET),
    x={1: _SGI_TO_SELF},
    pstate=EL1H_IRQ_OPEN,
)
SYSTEM_REGISTER: Final = Guest(_loop(a64.mrs(0, "CNTVCT_EL0")), instructions=2)
MMIO: Final = Guest(_loop(a64.LDR_W0_X1), instructions=2, x={1: PL011.base + PL011_FR})
WAIT: Final = Guest(_loop(a64.msr("CNTV_TVAL_EL0", 1), a64.WFI), instructions=3, x={1: _WAIT_TICKS})
BARE_INTERRUPT: Final = Guest(
    EMPTY.code,
    instructions=2,
    irq_handler=(a64.mrs(0, "TPIDR_EL1"), a64.msr("TPIDR_EL1", 0), a64.ERET),
)
"""The same where nothing sends an SGI. After a hook on a register that Unicorn lacks, as it lacks
the GIC's, the core does not go on: another one stands for them."""
BARE_WAIT: Final = Guest(_loop(a64.NOP, a64.WFI), instructions=3)
"""The same where there is no timer."""
