"""A vCPU whose MMU is on: its own memory, and one page, block or hole to try."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from emu.arch.sysregs import BY_NAME
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import LoneVcpu

VALID_BLOCK, VALID_TABLE, VALID_PAGE = 0b01, 0b11, 0b11
USER, READ_ONLY, SHARED, ACCESSED = 1 << 6, 1 << 7, 3 << 8, 1 << 10
NOT_GLOBAL, GUARDED, PXN, UXN = 1 << 11, 1 << 50, 1 << 53, 1 << 54
READABLE = SHARED | ACCESSED
"""What any descriptor needs, if an access by EL1 is not to fault."""

LEVEL_1, LEVEL_2, LEVEL_3 = at.TABLE, at.TABLE + 0x1000, at.TABLE + 0x2000
TRIED = 0x8000_0000
"""The address whose translation a test makes up: 2 GiB."""
TCR_39_BITS = 2 << 32 | 1 << 23 | 25
"""4K granule, 39 bits by TTBR0_EL1 and none by TTBR1_EL1, 40-bit physical addresses."""


@dataclass
class PagedVcpu(LoneVcpu):
    """4K granule, levels 1 to 3; RAM is mapped one to one.

    Attributes:
        descriptors: that of `TRIED` by level: 1 is a block of 1 GiB, 2 of 2 MiB, 3 a page. A level
            that is not there is a table.
        user_code: RAM is EL0's instead of EL1's: code there runs at EL0 only.
    """

    descriptors: dict[int, int] = field(default_factory=dict)
    user_code: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        mine = at.RAM | READABLE | VALID_BLOCK | (USER if self.user_code else 0)
        self.poke(LEVEL_1 + 8, mine)
        self.poke(LEVEL_1 + 16, self.descriptors.get(1, LEVEL_2 | VALID_TABLE))
        self.poke(LEVEL_2, self.descriptors.get(2, LEVEL_3 | VALID_TABLE))
        self.poke(LEVEL_3, self.descriptors.get(3, 0))
        for name, value in (
            ("MAIR_EL1", 0xFF),
            ("TCR_EL1", TCR_39_BITS),
            ("TTBR0_EL1", LEVEL_1),
            ("SCTLR_EL1", self.vcpu.get_sysreg(BY_NAME["SCTLR_EL1"]) | 1),
        ):
            self.set(name, value)
        self.vcpu.engine.x[1] = TRIED

    def get(self, name: str) -> int:
        """A system register, as a monitor reads it."""
        return self.vcpu.get_sysreg(BY_NAME[name])

    def set(self, name: str, value: int) -> None:
        """Set a system register, as a monitor does."""
        self.vcpu.set_sysreg(BY_NAME[name], value)

    def poke(self, address: int, value: int) -> None:
        """Write 64 bits of RAM."""
        self.ram.write(address, struct.pack("<Q", value))
