"""The identification registers: what the processor is, and which features it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from emu.arch import id_layouts, layouts
from emu.arch.bits import Register
from emu.arch.sysregs.sysreg import At, Model, SysReg


def _id(
    name: str,
    at: At,
    key: int | None = None,
    el: int = 1,
    layout: type[Register] | None = None,
) -> SysReg:
    return SysReg(
        name, at, Model.ID, "RO", el=el, squib_key=key, saved=key is not None, layout=layout
    )


_FEATURES: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        1: ("PFR0", "PFR1", "DFR0", "AFR0", "MMFR0", "MMFR1", "MMFR2", "MMFR3"),
        2: ("ISAR0", "ISAR1", "ISAR2", "ISAR3", "ISAR4", "ISAR5", "MMFR4", "ISAR6"),
        3: ("MVFR0", "MVFR1", "MVFR2", "", "PFR2", "DFR1", "MMFR5", ""),
        4: ("AA64PFR0", "AA64PFR1", "AA64PFR2", "", "AA64ZFR0", "AA64SMFR0", "", "AA64FPFR0"),
        5: ("AA64DFR0", "AA64DFR1", "AA64DFR2", "", "AA64AFR0", "AA64AFR1", "", ""),
        6: ("AA64ISAR0", "AA64ISAR1", "AA64ISAR2", "AA64ISAR3", "", "", "", ""),
        7: ("AA64MMFR0", "AA64MMFR1", "AA64MMFR2", "AA64MMFR3", "AA64MMFR4", "", "", ""),
    }
)
"""What S3_0_C0_C<m>_<op2> describes, by m and op2; "" where it is reserved, and reads as zero."""

_SQUIB_KEYS: Mapping[str, int] = MappingProxyType(
    {
        "ID_AA64MMFR0_EL1": 11,
        "ID_AA64MMFR1_EL1": 12,
        "ID_AA64PFR0_EL1": 13,
        "ID_AA64PFR1_EL1": 14,
        "ID_AA64DFR0_EL1": 15,
        "ID_AA64ISAR0_EL1": 16,
        "ID_AA64ISAR1_EL1": 17,
    }
)


def _name(crm: int, op2: int, described: str) -> str:
    """A reserved register goes by its generic name, as in MRS."""
    if not described:
        return f"S3_0_C0_C{crm}_{op2}"
    return f"{described}_EL1" if described.startswith("MVFR") else f"ID_{described}_EL1"


def _features() -> Iterator[SysReg]:
    for crm, row in _FEATURES.items():
        for op2, described in enumerate(row):
            name = _name(crm, op2, described)
            layout = getattr(id_layouts, name, None)
            yield _id(name, (3, 0, 0, crm, op2), key=_SQUIB_KEYS.get(name), layout=layout)


IDENTIFICATION: Final = (
    _id("MIDR_EL1", (3, 0, 0, 0, 0), layout=id_layouts.MIDR_EL1),
    _id("MPIDR_EL1", (3, 0, 0, 0, 5), key=18, layout=layouts.MPIDR_EL1),
    _id("REVIDR_EL1", (3, 0, 0, 0, 6)),
    *_features(),
    _id("CLIDR_EL1", (3, 1, 0, 0, 1), layout=id_layouts.CLIDR_EL1),
    _id("AIDR_EL1", (3, 1, 0, 0, 7)),
    _id("CTR_EL0", (3, 3, 0, 0, 1), el=0, layout=id_layouts.CTR_EL0),
    _id("DCZID_EL0", (3, 3, 0, 0, 7), el=0, layout=id_layouts.DCZID_EL0),
    _id("CNTFRQ_EL0", (3, 3, 14, 0, 0), key=22, el=0),
)
"""All of them. The 56 of S3_0_C0_C[1-7]_[0-7] are the feature ID space, which reads as zero where
it is reserved (DDI 0487 K.a, D18.3.1)."""
