"""System registers that the emulated processor has not, known by name.

With those that it has, they are all that a KVM host of Linux 5.10 to 6.18 lists for a guest at
EL1, with any of the features PMU, SVE, pointer authentication, SCTLR2, TCR2, permission
indirection and permission overlay; and those of the GIC.
Sources: `sys_reg_descs` in arch/arm64/kvm/sys_regs.c and arch/arm64/include/asm/sysreg.h of Linux
6.1.192; later registers from tools/testing/selftests/kvm/arm64/get-reg-list.c of Linux at commit
1f4a10ff9090, and from DDI 0601 (2024-12).
"""

from __future__ import annotations

from collections.abc import Iterable

from emu.arch import layouts
from emu.arch.bits import Register
from emu.arch.sysregs.modelled import BREAKPOINT_COUNT, WATCHPOINT_COUNT
from emu.arch.sysregs.sysreg import At, Model, SysReg

DEBUG_REGISTERS_MAX = 16
"""Breakpoints, and watchpoints, that there are encodings for."""

EVENT_COUNTERS_MAX = 31
"""Event counters that there are encodings for; number 31 is the cycle counter."""

_LOWEST_EL = {3: 0}
"""Lowest exception level by op1, where it is not EL1 (DDI 0487 K.a, D18.3)."""


def _named(name: str, at: At, layout: type[Register] | None = None) -> SysReg:
    el = _LOWEST_EL.get(at[1], 1)
    return SysReg(name, at, Model.NONE, el=el, saved=False, layout=layout)


def _debug(kind: str, first: int, op2: int) -> Iterable[SysReg]:
    for n in range(first, DEBUG_REGISTERS_MAX):
        yield _named(f"DBG{kind}VR{n}_EL1", (2, 0, 0, n, op2))
        yield _named(f"DBG{kind}CR{n}_EL1", (2, 0, 0, n, op2 + 1))


def _event_counters(name: str, crm: int) -> Iterable[SysReg]:
    for n in range(EVENT_COUNTERS_MAX):
        yield _named(f"{name}{n}_EL0", (3, 3, 14, crm + n // 8, n % 8))


UNMODELLED: tuple[SysReg, ...] = (
    # Debug.
    *_debug("B", BREAKPOINT_COUNT, 4),
    *_debug("W", WATCHPOINT_COUNT, 6),
    # Control, translation, exceptions.
    _named("SCTLR2_EL1", (3, 0, 1, 0, 3)),
    _named("ZCR_EL1", (3, 0, 1, 2, 0), layouts.ZCR_EL1),
    _named("TCR2_EL1", (3, 0, 2, 0, 3)),
    _named("PIRE0_EL1", (3, 0, 10, 2, 2)),
    _named("PIR_EL1", (3, 0, 10, 2, 3)),
    _named("POR_EL1", (3, 0, 10, 2, 4)),
    _named("POR_EL0", (3, 3, 10, 2, 4)),
    # Performance monitors.
    *_event_counters("PMEVCNTR", 8),
    *_event_counters("PMEVTYPER", 12),
    # GIC CPU interface, with more than five bits of priority.
    *(_named(f"ICC_AP0R{n}_EL1", (3, 0, 12, 8, 4 + n)) for n in (1, 2, 3)),
    *(_named(f"ICC_AP1R{n}_EL1", (3, 0, 12, 9, n)) for n in (1, 2, 3)),
)
"""Registers that the emulated processor has not: nothing models them, and no snapshot of this
machine has them."""
