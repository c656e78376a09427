"""The system instructions of the emulated processor: cache and TLB maintenance, translation.

Source: DDI 0487 K.a, C5.3 to C5.5.
"""

from __future__ import annotations

from emu.arch.sysregs import needs
from emu.arch.sysregs.sysreg import SysInstruction

SYS_INSTRUCTIONS: tuple[SysInstruction, ...] = (
    SysInstruction("IC IALLUIS", (1, 0, 7, 1, 0)),
    SysInstruction("IC IALLU", (1, 0, 7, 5, 0)),
    SysInstruction("IC IVAU", (1, 3, 7, 5, 1), el=0),
    SysInstruction("DC IVAC", (1, 0, 7, 6, 1)),
    SysInstruction("DC ISW", (1, 0, 7, 6, 2)),
    SysInstruction("DC CSW", (1, 0, 7, 10, 2)),
    SysInstruction("DC CISW", (1, 0, 7, 14, 2)),
    SysInstruction("DC ZVA", (1, 3, 7, 4, 1), el=0),
    SysInstruction("DC CVAC", (1, 3, 7, 10, 1), el=0),
    SysInstruction("DC CVAU", (1, 3, 7, 11, 1), el=0),
    SysInstruction("DC CVAP", (1, 3, 7, 12, 1), el=0, needs=needs.DPB),
    SysInstruction("DC CVADP", (1, 3, 7, 13, 1), el=0, needs=needs.DPB2),
    SysInstruction("DC CIVAC", (1, 3, 7, 14, 1), el=0),
    SysInstruction("AT S1E1R", (1, 0, 7, 8, 0)),
    SysInstruction("AT S1E1W", (1, 0, 7, 8, 1)),
    SysInstruction("AT S1E0R", (1, 0, 7, 8, 2)),
    SysInstruction("AT S1E0W", (1, 0, 7, 8, 3)),
    SysInstruction("AT S1E1RP", (1, 0, 7, 9, 0), needs=needs.PAN2),
    SysInstruction("AT S1E1WP", (1, 0, 7, 9, 1), needs=needs.PAN2),
    SysInstruction("TLBI VMALLE1IS", (1, 0, 8, 3, 0)),
    SysInstruction("TLBI VAE1IS", (1, 0, 8, 3, 1)),
    SysInstruction("TLBI ASIDE1IS", (1, 0, 8, 3, 2)),
    SysInstruction("TLBI VAAE1IS", (1, 0, 8, 3, 3)),
    SysInstruction("TLBI VALE1IS", (1, 0, 8, 3, 5)),
    SysInstruction("TLBI VAALE1IS", (1, 0, 8, 3, 7)),
    SysInstruction("TLBI VMALLE1", (1, 0, 8, 7, 0)),
    SysInstruction("TLBI VAE1", (1, 0, 8, 7, 1)),
    SysInstruction("TLBI ASIDE1", (1, 0, 8, 7, 2)),
    SysInstruction("TLBI VAAE1", (1, 0, 8, 7, 3)),
    SysInstruction("TLBI VALE1", (1, 0, 8, 7, 5)),
    SysInstruction("TLBI VAALE1", (1, 0, 8, 7, 7)),
    SysInstruction("CFP RCTX", (1, 3, 7, 3, 4), el=0, needs=needs.SPECRES),
    SysInstruction("DVP RCTX", (1, 3, 7, 3, 5), el=0, needs=needs.SPECRES),
    SysInstruction("CPP RCTX", (1, 3, 7, 3, 7), el=0, needs=needs.SPECRES),
)
