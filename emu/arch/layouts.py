"""Bit layouts of the AArch64 registers that a snapshot or a trace shows decoded.

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


class ID_AA64PFR0_EL1(Register):
    """Processor features 0."""

    CSV3 = bits(63, 60)
    CSV2 = bits(59, 56)
    DIT = bits(51, 48)
    AMU = bits(47, 44)
    MPAM = bits(43, 40)
    SEL2 = bits(39, 36)
    SVE = bits(35, 32)
    RAS = bits(31, 28)
    GIC = bits(27, 24)
    AdvSIMD = bits(23, 20)
    FP = bits(19, 16)
    EL3 = bits(15, 12)
    EL2 = bits(11, 8)
    EL1 = bits(7, 4)
    EL0 = bits(3, 0)


class ID_AA64PFR1_EL1(Register):
    """Processor features 1."""

    MTE = bits(11, 8)
    SSBS = bits(7, 4)
    BT = bits(3, 0)


class ID_AA64DFR0_EL1(Register):
    """Debug features 0."""

    PMSVer = bits(35, 32)
    CTX_CMPs = bits(31, 28)
    WRPs = bits(23, 20)
    BRPs = bits(15, 12)
    PMUVer = bits(11, 8)
    TraceVer = bits(7, 4)
    DebugVer = bits(3, 0)


class ID_AA64ISAR0_EL1(Register):
    """Instruction set attributes 0."""

    RNDR = bits(63, 60)
    TLB = bits(59, 56)
    TS = bits(55, 52)
    FHM = bits(51, 48)
    DP = bits(47, 44)
    SM4 = bits(43, 40)
    SM3 = bits(39, 36)
    SHA3 = bits(35, 32)
    RDM = bits(31, 28)
    Atomic = bits(23, 20)
    CRC32 = bits(19, 16)
    SHA2 = bits(15, 12)
    SHA1 = bits(11, 8)
    AES = bits(7, 4)


class ID_AA64ISAR1_EL1(Register):
    """Instruction set attributes 1."""

    SPECRES = bits(43, 40)
    SB = bits(39, 36)
    FRINTTS = bits(35, 32)
    GPI = bits(31, 28)
    GPA = bits(27, 24)
    LRCPC = bits(23, 20)
    FCMA = bits(19, 16)
    JSCVT = bits(15, 12)
    API = bits(11, 8)
    APA = bits(7, 4)
    DPB = bits(3, 0)


class ID_AA64MMFR0_EL1(Register):
    """Memory model features 0."""

    TGran4 = bits(31, 28)
    TGran64 = bits(27, 24)
    TGran16 = bits(23, 20)
    BigEndEL0 = bits(19, 16)
    SNSMem = bits(15, 12)
    BigEnd = bits(11, 8)
    ASIDBits = bits(7, 4)
    PARange = bits(3, 0)


class ID_AA64MMFR1_EL1(Register):
    """Memory model features 1."""

    XNX = bits(31, 28)
    SpecSEI = bits(27, 24)
    PAN = bits(23, 20)
    LO = bits(19, 16)
    HPDS = bits(15, 12)
    VH = bits(11, 8)
    VMIDBits = bits(7, 4)
    HAFDBS = bits(3, 0)


class ID_AA64MMFR2_EL1(Register):
    """Memory model features 2."""

    ST = bits(31, 28)
    NV = bits(27, 24)
    CCIDX = bits(23, 20)
    VARange = bits(19, 16)
    IESB = bits(15, 12)
    LSM = bits(11, 8)
    UAO = bits(7, 4)
    CnP = bits(3, 0)
