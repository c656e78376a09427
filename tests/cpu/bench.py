"""A core on a bench: RAM with a small guest, vectors that lead nowhere, and a device."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from emu.arch.sysregs import BY_NAME
from emu.core.ports import MmioWindow
from emu.core.ram import Ram
from emu.cpu.engine import Engine
from tests import a64

RAM = 0x4000_0000
RAM_SIZE_BYTES = 0x4_0000
CODE = RAM
VECTORS = RAM + 0x1000
DATA = RAM + 0x2000
TABLE = RAM + 0x3000
DEVICE = 0x0900_0000
NOWHERE = 0x9000_0000

EL0T, EL1T, EL1H = 0x3C0, 0x3C4, 0x3C5
IRQ_OPEN = 0x345
"""EL1h with only IRQs unmasked."""
FIQ_OPEN = 0x385
"""EL1h with only FIQs unmasked."""

SYNC_EL1T, SYNC_EL1H, IRQ_EL1H, FIQ_EL1H, SYNC_EL0, IRQ_EL0, FIQ_EL0 = (
    VECTORS + offset for offset in (0x000, 0x200, 0x280, 0x300, 0x400, 0x480, 0x500)
)


@dataclass
class Device:
    """A window that remembers what was done to it, and answers with `value`."""

    engine: Engine
    value: int = 0
    accesses: list[tuple[str, int, int, int, int]] = field(default_factory=list)
    """Kind, offset, size, value, and instructions executed by then."""

    def read(self, offset: int, size: int, /) -> int:
        self.accesses.append(("read", offset, size, self.value, self.engine.executed()))
        return self.value

    def write(self, offset: int, size: int, value: int, /) -> None:
        self.accesses.append(("write", offset, size, value, self.engine.executed()))


class Bench:
    """An engine at `CODE` in EL1h, everything masked, with `code` there and NOPs behind it."""

    def __init__(self, *code: int, pstate: int = EL1H) -> None:
        self.ram = Ram(RAM, RAM_SIZE_BYTES)
        self.engine = Engine()
        self.engine.map_ram(RAM, RAM_SIZE_BYTES, self.ram.host_address)
        self.exceptions: list[tuple[int, int]] = []
        self.engine.on_exception = lambda esr, elr: self.exceptions.append((esr, elr))
        self.put(CODE, *code, *[a64.NOP] * (0x400 - len(code)))
        self.put(VECTORS, *[a64.NOP] * 0x200)
        self.set("VBAR_EL1", VECTORS)
        self.engine.pc, self.engine.pstate = CODE, pstate

    def put(self, address: int, *words: int) -> None:
        """Write instructions. Only before they are run for the first time."""
        self.ram.write(address, struct.pack(f"<{len(words)}I", *words))

    def map_device(self, window: MmioWindow | None = None) -> Device:
        """Map a window at `DEVICE`, and point X1 there."""
        device = Device(self.engine)
        self.engine.map_mmio(DEVICE, 0x1000, window or device)
        self.engine.x[1] = DEVICE
        return device

    def enable_mmu(self) -> None:
        """Map the GiB at `RAM` one to one, for EL1 only; all else is a translation fault."""
        self.ram.write(TABLE + 8, struct.pack("<Q", RAM | 1 << 10 | 3 << 8 | 1))
        self.set("MAIR_EL1", 0xFF)
        self.set("TCR_EL1", 1 << 23 | 25)  # 39-bit addresses by TTBR0, none by TTBR1
        self.set("TTBR0_EL1", TABLE)
        self.set("SCTLR_EL1", self.get("SCTLR_EL1") | 1)

    def get(self, name: str) -> int:
        """A system register that the core models."""
        return self.engine.get_sysreg(BY_NAME[name].at)

    def set(self, name: str, value: int) -> None:
        """Set a system register that the core models."""
        self.engine.set_sysreg(BY_NAME[name].at, value)
