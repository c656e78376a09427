"""The tables of LPIs in guest RAM, and the registers that say where they are, as KVM keeps both.

KVM turns attributes that it does not support into their neighbours when a register is stored
(vgic_sanitise_propbaser and vgic_sanitise_pendbaser in arch/arm64/kvm/vgic/vgic-mmio-v3.c,
Linux 6.1). A GIC without LPIs has the registers for a VMM alone, and reads no table.
"""

from __future__ import annotations

from typing import Final, TypeVar

from emu.arch.gicv3 import GICR_PENDBASER, GICR_PROPBASER, LPI_FIRST, LpiConfiguration
from emu.arch.its import GITS_BASER, GITS_CBASER
from emu.core.ports import GuestMemory
from emu.gic.state import PENDBASER_RESET

LPI_ID_BITS: Final = 16
"""Bits of an INTID where there are LPIs, as KVM has it (INTERRUPT_ID_BITS_ITS)."""

_INNER_SHAREABLE: Final = 0b01
_OUTER_SHAREABLE: Final = 0b10
_READ_ALLOCATE_WRITE_BACK: Final = 0b011
_NON_CACHEABLE: Final = 0b001
_NOT_CACHED: Final = (0b000, _NON_CACHEABLE)
"""Device memory, and normal memory that is not cached."""
_SAME_AS_INNER: Final = 0b000

_PROPBASER_SHIFT: Final = GICR_PROPBASER.Physical_Address.lsb
_PENDBASER_SHIFT: Final = GICR_PENDBASER.Physical_Address.lsb

_BaseRegister = TypeVar("_BaseRegister", GICR_PROPBASER, GICR_PENDBASER, GITS_BASER, GITS_CBASER)


class LpiBases:
    """The registers that say where the tables are.

    Args:
        vcpu_count: number of vCPUs.

    Attributes:
        propbaser: GICR_PROPBASER, which all redistributors share.
        pendbasers: GICR_PENDBASER of each vCPU, PTZ included.
    """

    def __init__(self, vcpu_count: int) -> None:
        self.propbaser = 0
        self.pendbasers = [PENDBASER_RESET] * vcpu_count


class LpiTables:
    """The configuration table of all LPIs, and the pending table of each vCPU.

    Args:
        bases: where they are.
        memory: the guest's RAM.
    """

    def __init__(self, bases: LpiBases, memory: GuestMemory) -> None:
        self._bases = bases
        self._memory = memory

    @property
    def intid_end(self) -> int:
        """The first INTID that the configuration table has no room for."""
        return 1 << min(GICR_PROPBASER(self._bases.propbaser).IDbits + 1, LPI_ID_BITS)

    def configuration(self, intid: int) -> LpiConfiguration:
        """An LPI's entry; raises `GuestError` if it is not in RAM."""
        base = GICR_PROPBASER(self._bases.propbaser).Physical_Address << _PROPBASER_SHIFT
        return LpiConfiguration(self._memory.read(base + intid - LPI_FIRST, 1)[0])

    def is_pending(self, vcpu: int, intid: int) -> bool:
        """An LPI's bit in a vCPU's pending table; raises `GuestError` if it is not in RAM."""
        return bool(self._memory.read(self._pending_byte(vcpu, intid), 1)[0] >> intid % 8 & 1)

    def set_pending(self, vcpu: int, intid: int, pending: bool) -> None:
        """Set or clear an LPI's bit; raises `GuestError` if it is not in RAM."""
        address, bit = self._pending_byte(vcpu, intid), 1 << intid % 8
        byte = self._memory.read(address, 1)[0] & ~bit | bit * pending
        self._memory.write(address, bytes([byte]))

    def _pending_byte(self, vcpu: int, intid: int) -> int:
        base = GICR_PENDBASER(self._bases.pendbasers[vcpu]).Physical_Address << _PENDBASER_SHIFT
        return base + intid // 8


def sanitise_propbaser(value: int) -> int:
    """What GICR_PROPBASER keeps of `value`."""
    return int(sanitise(GICR_PROPBASER(_known_bits(GICR_PROPBASER, value))))


def sanitise_pendbaser(value: int) -> int:
    """What GICR_PENDBASER keeps of `value`: of PTZ, see `read_pendbaser`."""
    return int(sanitise(GICR_PENDBASER(_known_bits(GICR_PENDBASER, value))))


def read_pendbaser(value: int) -> int:
    """GICR_PENDBASER as it is read: PTZ can only be written."""
    return int(GICR_PENDBASER(value).replace(PTZ=0))


def sanitise(register: _BaseRegister) -> _BaseRegister:
    """The register with attributes that KVM supports; no other field is changed."""
    if register.Shareability == _OUTER_SHAREABLE:
        register = register.replace(Shareability=_INNER_SHAREABLE)
    if register.InnerCache in _NOT_CACHED:
        register = register.replace(InnerCache=_READ_ALLOCATE_WRITE_BACK)
    if register.OuterCache not in (_SAME_AS_INNER, _NON_CACHEABLE):
        register = register.replace(OuterCache=_SAME_AS_INNER)
    return register


def _known_bits(layout: type[GICR_PROPBASER] | type[GICR_PENDBASER], value: int) -> int:
    return value & sum(field.mask for field in layout.fields)
