"""Bit layouts of the AArch64 identification registers.

Source of every layout: Arm Architecture Reference Manual for A-profile (DDI 0487 K.a), section
D19.2. Reserved bits are left out.
"""

from __future__ import annotations

from emu.arch.bits import Bits, Register, bit, bits


class MIDR_EL1(Register):
    """Main identification."""

    Implementer = bits(31, 24, {0x41: "Arm"})
    Variant = bits(23, 20)
    Architecture = bits(19, 16)
    PartNum = bits(15, 4, {0xD0C: "Neoverse N1", 0xD40: "Neoverse V1", 0xD4F: "Neoverse V2"})
    Revision = bits(3, 0)


class CTR_EL0(Register):
    """Cache type: sizes as powers of two, in words."""

    TminLine = bits(37, 32)
    DIC = bit(29)
    IDC = bit(28)
    CWG = bits(27, 24)
    ERG = bits(23, 20)
    DminLine = bits(19, 16)
    L1Ip = bits(15, 14, {0b10: "VIPT", 0b11: "PIPT"})
    IminLine = bits(3, 0)


_CACHES = {0: "none", 1: "I", 2: "D", 3: "I and D", 4: "unified"}


class CLIDR_EL1(Register):
    """Cache levels."""

    ICB = bits(32, 30)
    LoUU = bits(29, 27)
    LoC = bits(26, 24)
    LoUIS = bits(23, 21)
    Ctype7 = bits(20, 18, _CACHES)
    Ctype6 = bits(17, 15, _CACHES)
    Ctype5 = bits(14, 12, _CACHES)
    Ctype4 = bits(11, 9, _CACHES)
    Ctype3 = bits(8, 6, _CACHES)
    Ctype2 = bits(5, 3, _CACHES)
    Ctype1 = bits(2, 0, _CACHES)


class CSSELR_EL1(Register):
    """Cache size selection."""

    TnD = bit(4)
    Level = bits(3, 1)
    InD = bit(0, {0: "data or unified", 1: "instruction"})


class CCSIDR_EL1(Register):
    """Geometry of the cache that CSSELR_EL1 selects, without FEAT_CCIDX."""

    NumSets = bits(27, 13)
    Associativity = bits(12, 3)
    LineSize = bits(2, 0)


class DCZID_EL0(Register):
    """DC ZVA: whether it is prohibited, and its block size as a power of two, in words."""

    DZP = bit(4)
    BS = bits(3, 0)


class ID_AA64PFR0_EL1(Register):
    """Processor features 0."""

    CSV3 = bits(63, 60)
    CSV2 = bits(59, 56)
    RME = bits(55, 52)
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

    PFAR = bits(63, 60)
    DF2 = bits(59, 56)
    MTEX = bits(55, 52)
    THE = bits(51, 48)
    GCS = bits(47, 44)
    MTE_frac = bits(43, 40)
    NMI = bits(39, 36)
    CSV2_frac = bits(35, 32)
    RNDR_trap = bits(31, 28)
    SME = bits(27, 24)
    MPAM_frac = bits(19, 16)
    RAS_frac = bits(15, 12)
    MTE = bits(11, 8)
    SSBS = bits(7, 4)
    BT = bits(3, 0)


class ID_AA64DFR0_EL1(Register):
    """Debug features 0."""

    HPMN0 = bits(63, 60)
    ExtTrcBuff = bits(59, 56)
    BRBE = bits(55, 52)
    MTPMU = bits(51, 48)
    TraceBuffer = bits(47, 44)
    TraceFilt = bits(43, 40)
    DoubleLock = bits(39, 36)
    PMSVer = bits(35, 32)
    CTX_CMPs = bits(31, 28)
    SEBEP = bits(27, 24)
    WRPs = bits(23, 20)
    PMSS = bits(19, 16)
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
    TME = bits(27, 24)
    Atomic = bits(23, 20)
    CRC32 = bits(19, 16)
    SHA2 = bits(15, 12)
    SHA1 = bits(11, 8)
    AES = bits(7, 4)


class ID_AA64ISAR1_EL1(Register):
    """Instruction set attributes 1."""

    LS64 = bits(63, 60)
    XS = bits(59, 56)
    I8MM = bits(55, 52)
    DGH = bits(51, 48)
    BF16 = bits(47, 44)
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

    ECV = bits(63, 60)
    FGT = bits(59, 56)
    ExS = bits(47, 44)
    TGran4_2 = bits(43, 40)
    TGran64_2 = bits(39, 36)
    TGran16_2 = bits(35, 32)
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

    ECBHB = bits(63, 60)
    CMOW = bits(59, 56)
    TIDCP1 = bits(55, 52)
    nTLBPA = bits(51, 48)
    AFP = bits(47, 44)
    HCX = bits(43, 40)
    ETS = bits(39, 36)
    TWED = bits(35, 32)
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

    E0PD = bits(63, 60)
    EVT = bits(59, 56)
    BBM = bits(55, 52)
    TTL = bits(51, 48)
    FWB = bits(43, 40)
    IDS = bits(39, 36)
    AT = bits(35, 32)
    ST = bits(31, 28)
    NV = bits(27, 24)
    CCIDX = bits(23, 20)
    VARange = bits(19, 16)
    IESB = bits(15, 12)
    LSM = bits(11, 8)
    UAO = bits(7, 4)
    CnP = bits(3, 0)


_SIGNED = frozenset(
    {
        ID_AA64PFR0_EL1.AdvSIMD,
        ID_AA64PFR0_EL1.FP,
        ID_AA64DFR0_EL1.DoubleLock,
        ID_AA64DFR0_EL1.PMUVer,
        ID_AA64MMFR0_EL1.TGran4,
        ID_AA64MMFR0_EL1.TGran64,
    }
)
"""Fields in which 0b1111 is less than 0b0000: there is nothing of the feature, or of its standard
form."""


def level(field: Bits, value: int) -> int:
    """How much of its feature a field of an ID register promises; more is a higher number.

    Source: DDI 0487 K.a, D19.1.3, "Principles of the ID scheme for fields in ID registers".
    """
    found = (value & field.mask) >> field.lsb
    return found - 16 if field in _SIGNED and found >= 8 else found
