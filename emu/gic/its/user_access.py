"""The registers of an ITS as KVM lets a VMM read and write them.

A VMM finds the guest's registers, each whole: 64 bits where they have so many. GITS_CREADR can be
set, and GITS_IIDR says by which layout the tables were saved.

Sources: vgic_its_attr_regs_access and the vgic_mmio_uaccess_write_its_… functions in
arch/arm64/kvm/vgic/vgic-its.c, Linux 6.1; Documentation/virt/kvm/devices/arm-vgic-its.rst.
"""

from __future__ import annotations

from typing import Final

from emu.arch.gicv3 import GIC_IIDR
from emu.arch.its import GITS
from emu.errors import IncompatibleError, MachineError
from emu.gic.frame import RegisterFrame
from emu.gic.its.registers import ItsRegisters

_REGISTERS: Final = frozenset(
    {
        *("GITS_CTLR", "GITS_IIDR", "GITS_TYPER", "GITS_CBASER", "GITS_CWRITER", "GITS_CREADR"),
        *("GITS_BASER", "GITS_PIDR4", "GITS_PIDR0", "GITS_PIDR2", "GITS_PIDR3", "GITS_CIDR0"),
    }
)
"""What KVM has; every other offset is refused."""

_DOUBLEWORDS: Final = range(GITS["GITS_TYPER"], GITS["GITS_PIDR4"])
"""Where offsets have to be multiples of 8."""


class ItsUserAccess:
    """An ITS's registers, as a VMM saves and restores them.

    Args:
        registers: the registers.
    """

    def __init__(self, registers: ItsRegisters) -> None:
        self._registers = registers
        writers = {
            **registers.writers,
            "GITS_IIDR": lambda _, value: _check_iidr(value),
            "GITS_CREADR": lambda _, value: self._write_creadr(value),
        }
        self._frame = RegisterFrame(GITS, registers.readers, writers)

    def read(self, offset: int) -> int:
        """A register, 32 or 64 bits.

        Raises:
            IncompatibleError: the offset is not aligned.
            MachineError: there is no such register.
        """
        return self._frame.read(offset, _size_bytes(offset))

    def write(self, offset: int, value: int) -> None:
        """Set a register.

        Raises:
            IncompatibleError: the offset is not aligned; GITS_IIDR has another revision;
                GITS_CREADR is not in the queue.
            MachineError: there is no such register; GITS_CREADR of an ITS that is enabled.
        """
        size_bytes = _size_bytes(offset)
        self._frame.write(offset, size_bytes, value & ((1 << 8 * size_bytes) - 1))

    def _write_creadr(self, value: int) -> None:
        if self._registers.enabled:
            raise MachineError(
                f"GITS_CREADR = {value:#x}: the ITS is enabled; set GITS_CTLR after it"
            )
        if not self._registers.set_creadr(value):
            raise IncompatibleError(
                f"GITS_CREADR = {value:#x} is not in the queue, which has "
                f"{self._registers.queue_size_bytes:#x} bytes: set GITS_CBASER before"
            )


def _size_bytes(offset: int) -> int:
    if offset % (8 if offset in _DOUBLEWORDS else 4):
        raise IncompatibleError(f"GITS: offset {offset:#x} is not that of a whole register")
    found = GITS.find(offset)
    if found is None or found[0].name not in _REGISTERS:
        raise MachineError(f"GITS: KVM has no register at offset {offset:#x}")
    return found[0].size_bytes


def _check_iidr(value: int) -> None:
    if GIC_IIDR(value).Revision:
        raise IncompatibleError(
            f"GITS_IIDR {value:#x} has tables laid out by revision {GIC_IIDR(value).Revision}: "
            "revision 0 is known"
        )
