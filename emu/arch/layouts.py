"""Bit layouts of the AArch64 registers that a snapshot or a trace shows decoded; those of the
identification registers are in `emu.arch.id_layouts`.

Source of every layout: Arm Architecture Reference Manual for A-profile (DDI 0487 K.a), section
D19.2 for system registers, C5.2 for the special-purpose ones. Reserved bits are left out.
"""

from __future__ import annotations

from emu.arch.bits import Register, bit, bits

_MODES = {0b0000: "EL0t", 0b0100: "EL1t", 0b0101: "EL1h", 0b1000: "EL2t", 0b1001: "EL2h"}

EXCEPTION_CLASSES = {
    0x00: "unknown",
    0x01: "trapped WFI/WFE",
    0x07: "trapped FP/SIMD",
    0x0D: "branch target",
    0x0E: "illegal execution state",
    0x15: "SVC",
    0x16: "HVC",
    0x17: "SMC",
    0x18: "trapped MSR/MRS",
    0x19: "trapped SVE",
    0x1C: "pointer authentication",
    0x20: "instruction abort from EL0",
    0x21: "instruction abort from EL1",
    0x22: "PC alignment",
    0x24: "data abort from EL0",
    0x25: "data abort from EL1",
    0x26: "SP alignment",
    0x2C: "floating point",
    0x2F: "SError",
    0x30: "breakpoint from EL0",
    0x31: "breakpoint from EL1",
    0x32: "software step from EL0",
    0x33: "software step from EL1",
    0x34: "watchpoint from EL0",
    0x35: "watchpoint from EL1",
    0x3C: "BRK",
}
"""ESR_ELx.EC, for exceptions taken to EL1 from AArch64."""


class PState(Register):
    """PSTATE as SPSR_EL1 holds it (C5.2.18), the form in which monitors save it."""

    N = bit(31)
    Z = bit(30)
    C = bit(29)
    V = bit(28)
    TCO = bit(25)
    DIT = bit(24)
    UAO = bit(23)
    PAN = bit(22)
    SS = bit(21)
    IL = bit(20)
    SSBS = bit(12)
    BTYPE = bits(11, 10)
    D = bit(9)
    A = bit(8)
    I = bit(7)  # noqa: E741 - the architecture's name
    F = bit(6)
    M = bits(4, 0, _MODES)


class ESR_EL1(Register):
    """Exception syndrome."""

    EC = bits(31, 26, EXCEPTION_CLASSES)
    IL = bit(25)
    ISS = bits(24, 0)


class SCTLR_EL1(Register):
    """System control."""

    EnIA = bit(31)
    EnIB = bit(30)
    EnDA = bit(27)
    UCI = bit(26)
    EE = bit(25)
    E0E = bit(24)
    SPAN = bit(23)
    WXN = bit(19)
    nTWE = bit(18)
    nTWI = bit(16)
    UCT = bit(15)
    DZE = bit(14)
    EnDB = bit(13)
    I = bit(12)  # noqa: E741 - the architecture's name
    UMA = bit(9)
    SA0 = bit(4)
    SA = bit(3)
    C = bit(2)
    A = bit(1)
    M = bit(0)


_GRANULE_0 = {0b00: "4KB", 0b01: "64KB", 0b10: "16KB"}
_GRANULE_1 = {0b01: "16KB", 0b10: "4KB", 0b11: "64KB"}


class TCR_EL1(Register):
    """Translation control."""

    HD = bit(40)
    HA = bit(39)
    TBI1 = bit(38)
    TBI0 = bit(37)
    AS = bit(36)
    IPS = bits(34, 32)
    TG1 = bits(31, 30, _GRANULE_1)
    SH1 = bits(29, 28)
    ORGN1 = bits(27, 26)
    IRGN1 = bits(25, 24)
    EPD1 = bit(23)
    A1 = bit(22)
    T1SZ = bits(21, 16)
    TG0 = bits(15, 14, _GRANULE_0)
    SH0 = bits(13, 12)
    ORGN0 = bits(11, 10)
    IRGN0 = bits(9, 8)
    EPD0 = bit(7)
    T0SZ = bits(5, 0)


class TTBR_EL1(Register):
    """Translation table base."""

    ASID = bits(63, 48)
    BADDR = bits(47, 1)
    CnP = bit(0)


class CPACR_EL1(Register):
    """Access to FP and SIMD."""

    FPEN = bits(21, 20, {0b00: "trap", 0b01: "trap EL0", 0b10: "trap", 0b11: "allow"})


class ZCR_EL1(Register):
    """SVE control."""

    LEN = bits(3, 0)


class MDSCR_EL1(Register):
    """Monitor debug system control."""

    TFO = bit(31)
    RXfull = bit(30)
    TXfull = bit(29)
    RXO = bit(27)
    TXU = bit(26)
    INTdis = bits(23, 22)
    TDA = bit(21)
    MDE = bit(15)
    HDE = bit(14)
    KDE = bit(13)
    TDCC = bit(12)
    ERR = bit(6)
    SS = bit(0)


class OSLSR_EL1(Register):
    """OS lock status."""

    OSLM_1 = bit(3)
    nTT = bit(2)
    OSLK = bit(1, {0: "unlocked", 1: "locked"})
    OSLM_0 = bit(0)


class FPCR(Register):
    """Floating-point control."""

    AHP = bit(26)
    DN = bit(25)
    FZ = bit(24)
    RMode = bits(23, 22, {0b00: "RN", 0b01: "RP", 0b10: "RM", 0b11: "RZ"})
    FZ16 = bit(19)
    IDE = bit(15)
    IXE = bit(12)
    UFE = bit(11)
    OFE = bit(10)
    DZE = bit(9)
    IOE = bit(8)


class FPSR(Register):
    """Floating-point status."""

    QC = bit(27)
    IDC = bit(7)
    IXC = bit(4)
    UFC = bit(3)
    OFC = bit(2)
    DZC = bit(1)
    IOC = bit(0)


class MPIDR_EL1(Register):
    """Multiprocessor affinity."""

    Aff3 = bits(39, 32)
    U = bit(30)
    MT = bit(24)
    Aff2 = bits(23, 16)
    Aff1 = bits(15, 8)
    Aff0 = bits(7, 0)


class CNT_CTL(Register):
    """CNTV_CTL_EL0 and CNTP_CTL_EL0."""

    ISTATUS = bit(2)
    IMASK = bit(1)
    ENABLE = bit(0)


class CNTKCTL_EL1(Register):
    """Access of EL0 to the counters and timers."""

    EL0PTEN = bit(9)
    EL0VTEN = bit(8)
    EVNTI = bits(7, 4)
    EVNTDIR = bit(3)
    EVNTEN = bit(2)
    EL0VCTEN = bit(1)
    EL0PCTEN = bit(0)


class PMCR_EL0(Register):
    """Performance monitors control."""

    IMP = bits(31, 24)
    IDCODE = bits(23, 16)
    N = bits(15, 11)
    LC = bit(6)
    DP = bit(5)
    X = bit(4)
    D = bit(3)
    C = bit(2)
    P = bit(1)
    E = bit(0)


class PMUSERENR_EL0(Register):
    """Access of EL0 to the performance monitors."""

    ER = bit(3)
    CR = bit(2)
    SW = bit(1)
    EN = bit(0)
