"""KVM's one_reg ids of arm64, by which KVM_GET_ONE_REG and KVM_SET_ONE_REG name registers.

| bits | meaning |
|---|---|
| 63:56 | architecture, 0x60 for arm64 |
| 55:52 | size: 1 << n bytes |
| 27:16 | kind; KVM's word is coprocessor |
| 15:0 | which register of that kind |

>>> find(0x6030_0000_0010_0040).name
'PC'
>>> hex(BY_NAME["CNTVCT_EL0"].id)
'0x603000000013df1a'

Sources: include/uapi/linux/kvm.h and arch/arm64/include/uapi/asm/kvm.h of Linux 6.1.192;
`VENDOR_HYP_BMAP_2`: the latter of Linux 6.15.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import Final

from emu.arch import kvm_layouts
from emu.arch.bits import Register
from emu.arch.layouts import FPCR, FPSR, PState
from emu.arch.sysregs import SYSREGS, UNMODELLED

KVM_REG_ARM64: Final = 0x60 << 56
_SIZE_SHIFT = 52
_KIND_SHIFT = 16


class Kind(Enum):
    """What a register is part of. The values are KVM's."""

    CORE = 0x10
    """`struct kvm_regs`; the number is an offset in it, in words of 32 bits."""
    DEMUX = 0x11
    """What another register selects: CCSIDR_EL1, by CSSELR_EL1."""
    SYSREG = 0x13
    """System registers, by encoding."""
    FIRMWARE = 0x14
    SVE = 0x15
    FIRMWARE_FEATURES = 0x16
    """Bitmaps of the services that the guest is offered."""


@dataclass(frozen=True, slots=True)
class OneReg:
    """A register that KVM can save and restore."""

    id: int
    name: str
    size_bytes: int
    layout: type[Register] | None
    kind: Kind


def encode(kind: Kind, number: int, size_bytes: int = 8) -> int:
    """The id of register `number` (16 bits) of a kind; the size is a power of two."""
    size = size_bytes.bit_length() - 1
    return KVM_REG_ARM64 | size << _SIZE_SHIFT | kind.value << _KIND_SHIFT | number


def size_bytes(register: int) -> int:
    """The size that an id tells, whether the id is known or not."""
    return 1 << (register >> _SIZE_SHIFT & 0xF)


def _one_reg(
    kind: Kind,
    number: int,
    name: str,
    size_bytes: int = 8,
    layout: type[Register] | None = None,
) -> OneReg:
    return OneReg(encode(kind, number, size_bytes), name, size_bytes, layout, kind)


# --- struct kvm_regs ---------------------------------------------------------------------------

_KVM_REGS: tuple[tuple[str, int, type[Register] | None], ...] = (
    *((f"X{n}", 8, None) for n in range(31)),
    ("SP_EL0", 8, None),
    ("PC", 8, None),
    ("PSTATE", 8, PState),
    ("SP_EL1", 8, None),
    ("ELR_EL1", 8, None),
    ("SPSR_EL1", 8, PState),
    ("SPSR_abt", 8, None),
    ("SPSR_und", 8, None),
    ("SPSR_irq", 8, None),
    ("SPSR_fiq", 8, None),
    *((f"V{n}", 16, None) for n in range(32)),
    ("FPSR", 4, FPSR),
    ("FPCR", 4, FPCR),
)
"""Members of `struct kvm_regs` in order: name, size in bytes (also the alignment), layout."""


def _core() -> Iterator[OneReg]:
    offset = 0
    for name, size, layout in _KVM_REGS:
        offset += -offset % size
        yield _one_reg(Kind.CORE, offset // 4, name, size, layout)
        offset += size


# --- the other kinds ---------------------------------------------------------------------------

CACHE_SELECTORS: Final = 14
"""Seven levels, data or instruction (`CSSELR_MAX` in arch/arm64/kvm/sys_regs.c)."""


def _caches() -> Iterator[OneReg]:
    for selector in range(CACHE_SELECTORS):
        yield _one_reg(Kind.DEMUX, selector, f"CCSIDR[{selector}]", 4)


def _sysregs() -> Iterator[OneReg]:
    """All but those that `struct kvm_regs` has: KVM knows them by no other id."""
    core = {name for name, _, _ in _KVM_REGS}
    for reg in (*SYSREGS, *UNMODELLED):
        if reg.name not in core:
            yield OneReg(reg.one_reg_id, reg.name, 8, reg.layout, Kind.SYSREG)


def _firmware() -> Iterator[OneReg]:
    rows = (
        ("PSCI_VERSION", kvm_layouts.PSCI_VERSION),
        ("SMCCC_ARCH_WORKAROUND_1", kvm_layouts.SMCCC_ARCH_WORKAROUND),
        ("SMCCC_ARCH_WORKAROUND_2", kvm_layouts.SMCCC_ARCH_WORKAROUND_2),
        ("SMCCC_ARCH_WORKAROUND_3", kvm_layouts.SMCCC_ARCH_WORKAROUND),
    )
    for number, (name, layout) in enumerate(rows):
        yield _one_reg(Kind.FIRMWARE, number, name, layout=layout)


def _firmware_features() -> Iterator[OneReg]:
    layouts = (
        kvm_layouts.STD_BMAP,
        kvm_layouts.STD_HYP_BMAP,
        kvm_layouts.VENDOR_HYP_BMAP,
        kvm_layouts.VENDOR_HYP_BMAP_2,
    )
    for number, layout in enumerate(layouts):
        yield _one_reg(Kind.FIRMWARE_FEATURES, number, layout.__name__, layout=layout)


_SLICES = 32
"""A register of SVE has so many ids, one for each 256 bytes of it; only the first is in use."""


def _sve() -> Iterator[OneReg]:
    """SVE_VLS, the set of vector lengths, comes first: it must be restored first."""
    yield _one_reg(Kind.SVE, 0xFFFF, "SVE_VLS", 64)
    for n in range(32):
        yield _one_reg(Kind.SVE, n * _SLICES, f"Z{n}", 256)
    for n in range(16):
        yield _one_reg(Kind.SVE, 0x400 + n * _SLICES, f"P{n}", 32)
    yield _one_reg(Kind.SVE, 0x600, "FFR", 32)


ONE_REGS: Final = tuple(
    chain(_core(), _sve(), _firmware(), _firmware_features(), _sysregs(), _caches())
)
"""Every register that has a name here."""

_BY_ID = {reg.id: reg for reg in ONE_REGS}
BY_NAME: Final = {reg.name: reg for reg in ONE_REGS}


def find(register: int) -> OneReg | None:
    """The register of an id; None if it has no name here."""
    return _BY_ID.get(register)
