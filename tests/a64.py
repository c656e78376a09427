"""The A64 instructions that small guests in tests are made of, as 32-bit words."""

from __future__ import annotations

from emu.arch.sysregs import BY_NAME, At

NOP = 0xD503201F
WFI = 0xD503207F
ERET = 0xD69F03E0
B_SELF = 0x14000000  # b .
B_BACK = 0x17FFFFFF  # b .-4

ADD_X0_1 = 0x91000400  # add x0, x0, #1
ADD_X2_1 = 0x91000442  # add x2, x2, #1
IC_IVAU_X1 = 0xD50B7521  # ic ivau, x1
MOV_X3_X0 = 0xAA0003E3  # mov x3, x0
MOV_SP_X0 = 0x9100001F  # mov sp, x0
BR_X1 = 0xD61F0020  # br x1

LDR_W0_X1 = 0xB9400020  # ldr w0, [x1]
LDR_X0_X1 = 0xF9400020  # ldr x0, [x1]
LDP_W3_W4_X1 = 0x29401023  # ldp w3, w4, [x1]
STR_W2_X1 = 0xB9000022  # str w2, [x1]
STR_X2_X1 = 0xF9000022  # str x2, [x1]
STRB_W2_X1 = 0x39000022  # strb w2, [x1]
LDXR_X3_X1 = 0xC85F7C23  # ldxr x3, [x1]
STXR_W4_X3_X1 = 0xC8047C23  # stxr w4, x3, [x1]

OPEN_IRQ = 0xD50342FF  # msr daifclr, #2
OPEN_FIQ = 0xD50341FF  # msr daifclr, #1
MASK_IRQ = 0xD50342DF  # msr daifset, #2
SPSEL_0 = 0xD50040BF  # msr spsel, #0
SPSEL_1 = 0xD50041BF  # msr spsel, #1

UDF = 0x00000000  # udf #0
PTRUE_P0 = 0x2518E3E0  # ptrue p0.b (SVE)
FMOV_D0_1 = 0x1E6E1000  # fmov d0, #1.0


def b(words: int) -> int:
    """B to so many instructions from here, forwards or (below 0) backwards."""
    return 0x14000000 | words & 0x3FFFFFF


def svc(imm16: int) -> int:
    """SVC #imm16."""
    return 0xD4000001 | imm16 << 5


def hvc(imm16: int = 0) -> int:
    """HVC #imm16."""
    return 0xD4000002 | imm16 << 5


def smc(imm16: int = 0) -> int:
    """SMC #imm16."""
    return 0xD4000003 | imm16 << 5


def brk(imm16: int) -> int:
    """BRK #imm16."""
    return 0xD4200000 | imm16 << 5


def mrs(rt: int, register: str | At) -> int:
    """MRS Xt, register: a name of the system-register table, or an encoding."""
    return 0xD5200000 | _system(register) << 5 | rt


def msr(register: str | At, rt: int) -> int:
    """MSR register, Xt."""
    return 0xD5000000 | _system(register) << 5 | rt


def _system(register: str | At) -> int:
    op0, op1, crn, crm, op2 = BY_NAME[register].at if isinstance(register, str) else register
    return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2
