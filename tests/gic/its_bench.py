"""A GIC with an ITS that is set up as a kernel does it, and what a guest's driver does with it."""

from __future__ import annotations

from emu.arch.gicv3 import LPI_FIRST
from emu.core.events import ItsCommandIgnored, MsiDropped
from emu.core.ram import Ram
from harness.reference.gic_bench import GicBench
from tests.gic.its_side_by_side import (
    BASE,
    COLLECTION_TABLE,
    CONFIGURATION,
    DEVICE_TABLE,
    ITT,
    PENDING,
    QUEUE,
    QUEUE_BYTES,
    SIZE_BYTES,
    VALID,
    mapc,
    mapd,
    mapti,
)

DEVICE = 2
EVENT = 5
LPI = LPI_FIRST + 3


class ItsBench(GicBench):
    """Two vCPUs, with flat tables, and collections 0 and 1 that go to them.

    Args:
        ram: the memory, if it is not fresh.
    """

    def __init__(self, ram: Ram | None = None) -> None:
        self.ram = ram or Ram(BASE, SIZE_BYTES)
        super().__init__((0, 1), 32, its_memory=self.ram)

    def set_up(self) -> ItsBench:
        """Everything enabled, and `DEVICE` mapped."""
        self.enable_everything()
        self.write("GITS_BASER", DEVICE_TABLE | VALID, 0)
        self.write("GITS_BASER", COLLECTION_TABLE | VALID, 1)
        self.write("GITS_CBASER", QUEUE | VALID | QUEUE_BYTES // 4096 - 1)
        for vcpu in (0, 1):
            self.write("GICR_PROPBASER", CONFIGURATION | 13, vcpu=vcpu)
            self.write("GICR_PENDBASER", PENDING + 0x1_0000 * vcpu, vcpu=vcpu)
            self.write("GICR_CTLR", 1, vcpu=vcpu)
        self.write("GITS_CTLR", 1)
        self.queue(mapc(0, 0), mapc(1, 1), mapd(DEVICE, ITT))
        return self

    def set_up_lpi(self, icid: int = 0) -> ItsBench:
        """`EVENT` of `DEVICE` is `LPI`, enabled, and goes to a collection."""
        self.set_up()
        self.configure(LPI, 0x81)
        self.queue(mapti(DEVICE, EVENT, LPI, icid))
        return self

    def queue(self, *commands: tuple[int, ...]) -> None:
        """Put commands into the queue, and have them carried out."""
        offset = self.read("GITS_CWRITER")
        for command in commands:
            for word in command:
                self.ram.write(QUEUE + offset, word.to_bytes(8, "little"))
                offset = (offset + 8) % QUEUE_BYTES
        self.write("GITS_CWRITER", offset)

    def configure(self, intid: int, configuration: int) -> None:
        """Store to the configuration table."""
        self.ram.write(CONFIGURATION + intid - LPI_FIRST, bytes([configuration]))

    def pending_bit(self, intid: int, *, vcpu: int = 0) -> bool:
        """What the pending table says."""
        byte = self.ram.read(PENDING + 0x1_0000 * vcpu + intid // 8, 1)[0]
        return bool(byte >> intid % 8 & 1)

    def entry(self, address: int) -> int:
        """An entry of a table."""
        return int.from_bytes(self.ram.read(address, 8), "little")

    def ignored(self) -> list[str]:
        """Why commands were ignored, in order."""
        return [event.reason for event in self.events if isinstance(event, ItsCommandIgnored)]

    def dropped(self) -> list[str]:
        """Why MSIs were dropped, in order."""
        return [event.reason for event in self.events if isinstance(event, MsiDropped)]
