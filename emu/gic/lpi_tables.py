"""The registers that say where the tables of LPIs are, as KVM keeps them for a VMM.

There are no LPIs yet, so nothing reads the tables. A VMM's state holds the registers all the same.
KVM turns attributes that it does not support into their neighbours when a value is stored
(vgic_sanitise_propbaser and vgic_sanitise_pendbaser in arch/arm64/kvm/vgic/vgic-mmio-v3.c,
Linux 6.1).
"""

from __future__ import annotations

from typing import Final, TypeVar

from emu.arch.gicv3 import GICR_PENDBASER, GICR_PROPBASER

_INNER_SHAREABLE: Final = 0b01
_OUTER_SHAREABLE: Final = 0b10
_READ_ALLOCATE_WRITE_BACK: Final = 0b011
_NON_CACHEABLE: Final = 0b001
_NOT_CACHED: Final = (0b000, _NON_CACHEABLE)
"""Device memory, and normal memory that is not cached."""
_SAME_AS_INNER: Final = 0b000

_BaseRegister = TypeVar("_BaseRegister", GICR_PROPBASER, GICR_PENDBASER)


def sanitise_propbaser(value: int) -> int:
    """What GICR_PROPBASER keeps of `value`."""
    return int(_supported(GICR_PROPBASER(_known_bits(GICR_PROPBASER, value))))


def sanitise_pendbaser(value: int) -> int:
    """What GICR_PENDBASER keeps of `value`. PTZ can only be written: it reads as zero."""
    return int(_supported(GICR_PENDBASER(_known_bits(GICR_PENDBASER, value)).replace(PTZ=0)))


def _known_bits(layout: type[GICR_PROPBASER] | type[GICR_PENDBASER], value: int) -> int:
    return value & sum(field.mask for field in layout.fields)


def _supported(register: _BaseRegister) -> _BaseRegister:
    if register.Shareability == _OUTER_SHAREABLE:
        register = register.replace(Shareability=_INNER_SHAREABLE)
    if register.InnerCache in _NOT_CACHED:
        register = register.replace(InnerCache=_READ_ALLOCATE_WRITE_BACK)
    if register.OuterCache not in (_SAME_AS_INNER, _NON_CACHEABLE):
        register = register.replace(OuterCache=_SAME_AS_INNER)
    return register
