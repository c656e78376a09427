"""The one system-register table.

One row per register: its name and encoding, who models it, who may access it, and under which key
squib saves it. The CPU model, capture and apply, `describe`, KVM's one_reg ids and the docs follow
from these rows; nothing else lists system registers. `SYSREGS` are those of the emulated
processor, `UNMODELLED` those that it has not, but that the state files of other hosts hold. What
is in neither is UNDEFINED. `SYS_INSTRUCTIONS` are the instructions that are encoded among them.

Sources: encodings and access from DDI 0487 K.a, D19 (GIC registers: IHI 0069 H, 12.2); squib keys
from `crates/arch/src/sysregs.rs` of tyrchen/squib (`squib-snapshot` 0.2.0), where they are fixed
for ever.
"""

from __future__ import annotations

from emu.arch.sysregs.instructions import SYS_INSTRUCTIONS
from emu.arch.sysregs.modelled import BREAKPOINT_COUNT, SYSREGS, WATCHPOINT_COUNT
from emu.arch.sysregs.sysreg import (
    KVM_REG_ARM64_SYSREG,
    Access,
    At,
    Model,
    Need,
    SysInstruction,
    SysReg,
    encoding_of,
)
from emu.arch.sysregs.unmodelled import UNMODELLED

BY_NAME = {reg.name: reg for reg in SYSREGS}
BY_ENCODING = {reg.encoding: reg for reg in SYSREGS}
BY_SQUIB_KEY = {reg.squib_key: reg for reg in SYSREGS if reg.squib_key is not None}

__all__ = [
    "BREAKPOINT_COUNT",
    "BY_ENCODING",
    "BY_NAME",
    "BY_SQUIB_KEY",
    "KVM_REG_ARM64_SYSREG",
    "SYSREGS",
    "SYS_INSTRUCTIONS",
    "UNMODELLED",
    "WATCHPOINT_COUNT",
    "Access",
    "At",
    "Model",
    "Need",
    "SysInstruction",
    "SysReg",
    "encoding_of",
]
