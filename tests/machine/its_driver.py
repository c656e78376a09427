"""What a guest's driver does to have an MSI become an LPI, done from outside.

It works on a machine of `BOARD` with RAM enough; all tables are in `TABLES` and behind.
"""

from __future__ import annotations

from emu.boards import get
from emu.core.ram import Ram
from emu.gic.its import Its
from emu.machine import Machine
from harness.entropy import SeededEntropy

BOARD = get("firecracker-1.14")
RAM_SIZE_BYTES = 8 << 20
TABLES = BOARD.dram_base + 0x20_0000
DEVICES, COLLECTIONS, QUEUE, CONFIGURATION, PENDING, ITT = (
    TABLES + 0x1_0000 * index for index in range(6)
)
DEVICE, EVENT, LPI = 3, 7, 8200
VALID = 1 << 63


def make_machine(contents: bytes = b"") -> Machine:
    """A machine with one vCPU and an ITS."""
    ram = Ram(BOARD.dram_base, RAM_SIZE_BYTES, contents=contents)
    return Machine(BOARD, ram=ram, entropy=SeededEntropy(b"trng"))


def its_of(machine: Machine) -> Its:
    """The ITS of a machine that has one."""
    assert machine.gic.its is not None
    return machine.gic.its


def set_up_lpi(machine: Machine) -> None:
    """`EVENT` of `DEVICE` is `LPI`, enabled, and goes to vCPU 0."""
    redistributor, frame = machine.gic.redistributors, its_of(machine).frame
    redistributor.write(0x70, 8, CONFIGURATION | 15)
    redistributor.write(0x78, 8, PENDING)
    redistributor.write(0x00, 4, 1)
    frame.write(0x100, 8, DEVICES | VALID)
    frame.write(0x108, 8, COLLECTIONS | VALID)
    frame.write(0x80, 8, QUEUE | VALID)
    frame.write(0x00, 4, 1)
    machine.ram.write(CONFIGURATION + LPI - 8192, b"\x81")
    mapd = (0x08 | DEVICE << 32, 4, ITT | VALID, 0)
    mapc = (0x09, 0, VALID, 0)
    mapti = (0x0A | DEVICE << 32, EVENT | LPI << 32, 0, 0)
    words = (*mapd, *mapc, *mapti)
    machine.ram.write(QUEUE, b"".join(word.to_bytes(8, "little") for word in words))
    frame.write(0x88, 8, 8 * len(words))
