"""System registers that the emulated processor has not, known by name.

With those that it has, they are all that a KVM host of Linux 5.10 to 6.18 lists for a guest at
EL1, with any of the features PMU, SVE, pointer authentication, SCTLR2, TCR2, permission
indirection and permission overlay; and those of the GIC.
Sources: `sys_reg_descs` in arch/arm64/kvm/sys_regs.c and arch/arm64/include/asm/sysreg.h of Linux
6.1.192; later registers from tools/testing/selftests/kvm/arm64/get-reg-list.c of Linux at commit
1f4a10ff9090, and from DDI 0601 (2024-12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from emu.arch import id_layouts, layouts
from emu.arch.bits import Register
from emu.arch.sysregs.modelled import BREAKPOINT_COUNT, SYSREGS, WATCHPOINT_COUNT
from emu.arch.sysregs.sysreg import Access, At, Model, SysReg

DEBUG_REGISTERS_MAX = 16
"""Breakpoints, and watchpoints, that there are encodings for."""

EVENT_COUNTERS_MAX = 31
"""Event counters that there are encodings for; number 31 is the cycle counter."""

_LOWEST_EL = {3: 0, 4: 2}
"""Lowest exception level by op1, where it is not EL1 (DDI 0487 K.a, D18.3)."""


def _named(
    name: str, at: At, layout: type[Register] | None = None, access: Access = "RW"
) -> SysReg:
    el = _LOWEST_EL.get(at[1], 1)
    return SysReg(name, at, Model.NONE, access, el=el, saved=False, layout=layout)


def _id(name: str, at: At, layout: type[Register] | None = None) -> SysReg:
    return _named(name, at, layout, access="RO")


def _debug(kind: str, first: int, op2: int) -> Iterable[SysReg]:
    for n in range(first, DEBUG_REGISTERS_MAX):
        yield _named(f"DBG{kind}VR{n}_EL1", (2, 0, 0, n, op2))
        yield _named(f"DBG{kind}CR{n}_EL1", (2, 0, 0, n, op2 + 1))


def _event_counters(name: str, crm: int) -> Iterable[SysReg]:
    for n in range(EVENT_COUNTERS_MAX):
        yield _named(f"{name}{n}_EL0", (3, 3, 14, crm + n // 8, n % 8))


_ID_NAMES: Mapping[int, tuple[str, ...]] = MappingProxyType(
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


def _id_name(crm: int, op2: int, described: str) -> str:
    """A reserved register goes by its generic name, as in MRS."""
    if not described:
        return f"S3_0_C0_C{crm}_{op2}"
    return f"{described}_EL1" if described.startswith("MVFR") else f"ID_{described}_EL1"


_MODELLED = frozenset(reg.at for reg in SYSREGS)


def _id_registers() -> Iterable[SysReg]:
    for crm, row in _ID_NAMES.items():
        for op2, described in enumerate(row):
            at = (3, 0, 0, crm, op2)
            if at not in _MODELLED:
                yield _id(_id_name(crm, op2, described), at)


UNMODELLED: tuple[SysReg, ...] = (
    # Debug.
    *_debug("B", BREAKPOINT_COUNT, 4),
    *_debug("W", WATCHPOINT_COUNT, 6),
    _named("MDCCINT_EL1", (2, 0, 0, 2, 0)),
    _named("DBGVCR32_EL2", (2, 4, 0, 7, 0)),
    # Identification.
    *_id_registers(),
    _id("CLIDR_EL1", (3, 1, 0, 0, 1), id_layouts.CLIDR_EL1),
    _id("AIDR_EL1", (3, 1, 0, 0, 7)),
    # Control, translation, exceptions.
    _named("SCTLR2_EL1", (3, 0, 1, 0, 3)),
    _named("ZCR_EL1", (3, 0, 1, 2, 0), layouts.ZCR_EL1),
    _named("TCR2_EL1", (3, 0, 2, 0, 3)),
    _named("PIRE0_EL1", (3, 0, 10, 2, 2)),
    _named("PIR_EL1", (3, 0, 10, 2, 3)),
    _named("POR_EL1", (3, 0, 10, 2, 4)),
    _named("POR_EL0", (3, 3, 10, 2, 4)),
    _named("DISR_EL1", (3, 0, 12, 1, 1)),
    # AArch32 state, which a monitor at EL2 keeps.
    _named("DACR32_EL2", (3, 4, 3, 0, 0)),
    _named("IFSR32_EL2", (3, 4, 5, 0, 1)),
    _named("FPEXC32_EL2", (3, 4, 5, 3, 0)),
    # Performance monitors.
    *_event_counters("PMEVCNTR", 8),
    *_event_counters("PMEVTYPER", 12),
    # GIC CPU interface, with more than five bits of priority.
    *(_named(f"ICC_AP0R{n}_EL1", (3, 0, 12, 8, 4 + n)) for n in (1, 2, 3)),
    *(_named(f"ICC_AP1R{n}_EL1", (3, 0, 12, 9, n)) for n in (1, 2, 3)),
)
"""Registers that the emulated processor has not: nothing models them, and no snapshot of this
machine has them."""
