"""GICv3: INTIDs, register layouts and the register maps of the memory-mapped frames.

Source: Arm Generic Interrupt Controller Architecture Specification, GICv3 and GICv4, IHI 0069 H;
chapter 12 for registers, section 2.2 for INTIDs. Registers are described as a GIC with a single
security state (GICD_CTLR.DS = 1) shows them.
"""

from __future__ import annotations

from typing import Final

from emu.arch.bits import Register, RegisterMap, Slot, bit, bits

# --- INTIDs (IHI 0069, 2.2) -------------------------------------------------------------------

SGI_COUNT: Final = 16
"""Software-generated interrupts: INTIDs 0 to 15, one set per PE."""

PRIVATE_COUNT: Final = 32
"""SGIs and PPIs (private peripheral interrupts, INTIDs 16 to 31) of one PE."""

SPI_FIRST: Final = 32
"""First shared peripheral interrupt."""

SPI_COUNT_MAX: Final = 1020 - SPI_FIRST
"""SPIs are INTIDs 32 to 1019; 1020 to 1023 are special."""

LPI_FIRST: Final = 8192
"""First locality-specific peripheral interrupt."""

INTID_SPURIOUS: Final = 1023
"""Returned by an acknowledge when there is nothing to acknowledge. The other special INTIDs,
1020 to 1022, are never returned in a system with one security state and no legacy operation."""

# --- priorities (IHI 0069, 4.8) ---------------------------------------------------------------

PRIORITY_BITS: Final = 5
"""Implemented priority bits: 32 levels, in bits [7:3] of every 8-bit priority."""

PRIORITY_MASK: Final = 0xFF & (0xFF << (8 - PRIORITY_BITS))

IDLE_PRIORITY: Final = 0xFF
"""Running priority when no interrupt is active."""

# --- frames (IHI 0069, 12.8 and 12.10) --------------------------------------------------------

GICD_SIZE_BYTES: Final = 0x1_0000
GICR_SIZE_BYTES: Final = 0x2_0000
"""RD_base and SGI_base, 64 KiB each; without virtual LPIs there is no more per PE."""

AFFINITY_MASK: Final = 0xFF_00FF_FFFF
"""Aff3 [39:32], Aff2 [23:16], Aff1 [15:8] and Aff0 [7:0], as in MPIDR_EL1 and GICD_IROUTER<n>."""


class GICD_CTLR(Register):
    """Distributor control, GICD_CTLR.DS = 1 (IHI 0069, 12.9)."""

    RWP = bit(31)
    nASSGIreq = bit(8)
    E1NWF = bit(7)
    DS = bit(6)
    ARE = bit(4)
    EnableGrp1 = bit(1)
    EnableGrp0 = bit(0)


class GICD_TYPER(Register):
    """What the distributor implements (IHI 0069, 12.9)."""

    ESPI_range = bits(31, 27)
    RSS = bit(26)
    No1N = bit(25)
    A3V = bit(24)
    IDbits = bits(23, 19)
    DVIS = bit(18)
    LPIS = bit(17)
    MBIS = bit(16)
    num_LPIs = bits(15, 11)
    SecurityExtn = bit(10)
    NMI = bit(9)
    ESPI = bit(8)
    CPUNumber = bits(7, 5)
    ITLinesNumber = bits(4, 0)


class GIC_IIDR(Register):
    """Implementer and revision: GICD_IIDR and GICR_IIDR (IHI 0069, 12.9 and 12.11)."""

    ProductID = bits(31, 24)
    Variant = bits(19, 16)
    Revision = bits(15, 12)
    Implementer = bits(11, 0)


class GIC_PIDR2(Register):
    """Peripheral identification: GICD_PIDR2 and GICR_PIDR2 (IHI 0069, 12.1)."""

    ArchRev = bits(7, 4, {3: "GICv3", 4: "GICv4"})
    JEDEC = bit(3)
    DES_1 = bits(2, 0)


class GICD_IROUTER(Register):
    """Affinity to which an SPI is routed (IHI 0069, 12.9)."""

    Aff3 = bits(39, 32)
    Interrupt_Routing_Mode = bit(31, {0: "affinity", 1: "1-of-N"})
    Aff2 = bits(23, 16)
    Aff1 = bits(15, 8)
    Aff0 = bits(7, 0)


class GICR_CTLR(Register):
    """Redistributor control (IHI 0069, 12.11)."""

    UWP = bit(31)
    DPG1S = bit(26)
    DPG1NS = bit(25)
    DPG0 = bit(24)
    RWP = bit(3)
    IR = bit(2)
    CES = bit(1)
    EnableLPIs = bit(0)


class GICR_TYPER(Register):
    """Which PE a redistributor serves, and what it implements (IHI 0069, 12.11)."""

    Aff3 = bits(63, 56)
    Aff2 = bits(55, 48)
    Aff1 = bits(47, 40)
    Aff0 = bits(39, 32)
    PPInum = bits(31, 27)
    VSGI = bit(26)
    CommonLPIAff = bits(25, 24)
    Processor_Number = bits(23, 8)
    RVPEID = bit(7)
    MPAM = bit(6)
    DPGS = bit(5)
    Last = bit(4)
    DirectLPI = bit(3)
    Dirty = bit(2)
    VLPIS = bit(1)
    PLPIS = bit(0)


class GICR_WAKER(Register):
    """Power state of the path from redistributor to CPU interface (IHI 0069, 12.11)."""

    ChildrenAsleep = bit(2)
    ProcessorSleep = bit(1)


class GICR_PROPBASER(Register):
    """Where the configuration of LPIs is, one table for all redistributors (IHI 0069, 12.11)."""

    OuterCache = bits(58, 56)
    Physical_Address = bits(51, 12)
    Shareability = bits(11, 10)
    InnerCache = bits(9, 7)
    IDbits = bits(4, 0)


class GICR_PENDBASER(Register):
    """Where a redistributor's pending LPIs are (IHI 0069, 12.11)."""

    PTZ = bit(62)
    OuterCache = bits(58, 56)
    Physical_Address = bits(51, 16)
    Shareability = bits(11, 10)
    InnerCache = bits(9, 7)


class LpiConfiguration(Register):
    """A byte of the LPI configuration table (IHI 0069, 5.1.1)."""

    Priority = bits(7, 2)
    Enable = bit(0)


class ICC_CTLR_EL1(Register):
    """CPU interface control (IHI 0069, 12.2)."""

    ExtRange = bit(19)
    RSS = bit(18)
    A3V = bit(15)
    SEIS = bit(14)
    IDbits = bits(13, 11, {0: "16 bits", 1: "24 bits"})
    PRIbits = bits(10, 8)
    PMHE = bit(6)
    EOImode = bit(1, {0: "drop and deactivate", 1: "drop only"})
    CBPR = bit(0)


class ICC_SRE_EL1(Register):
    """System register enable (IHI 0069, 12.2)."""

    DIB = bit(2)
    DFB = bit(1)
    SRE = bit(0)


class ICC_SGIR_EL1(Register):
    """Request for an SGI: ICC_SGI0R_EL1, ICC_SGI1R_EL1, ICC_ASGI1R_EL1 (IHI 0069, 12.2)."""

    Aff3 = bits(55, 48)
    RS = bits(47, 44)
    IRM = bit(40, {0: "target list", 1: "all but self"})
    Aff2 = bits(39, 32)
    INTID = bits(27, 24)
    Aff1 = bits(23, 16)
    TargetList = bits(15, 0)


def identification(prefix: str) -> tuple[Slot, ...]:
    """Identification registers, which end every frame of the GIC (IHI 0069, 12.8 and 12.10)."""
    return (
        Slot(0xFFD0, f"{prefix}_PIDR4", count=4),
        Slot(0xFFE0, f"{prefix}_PIDR0", count=2),
        Slot(0xFFE8, f"{prefix}_PIDR2", layout=GIC_PIDR2),
        Slot(0xFFEC, f"{prefix}_PIDR3"),
        Slot(0xFFF0, f"{prefix}_CIDR0", count=4),
    )


GICD: Final = RegisterMap(
    "GICD",
    Slot(0x0000, "GICD_CTLR", layout=GICD_CTLR),
    Slot(0x0004, "GICD_TYPER", layout=GICD_TYPER),
    Slot(0x0008, "GICD_IIDR", layout=GIC_IIDR),
    Slot(0x000C, "GICD_TYPER2"),
    Slot(0x0010, "GICD_STATUSR"),
    Slot(0x0040, "GICD_SETSPI_NSR"),
    Slot(0x0048, "GICD_CLRSPI_NSR"),
    Slot(0x0050, "GICD_SETSPI_SR"),
    Slot(0x0058, "GICD_CLRSPI_SR"),
    Slot(0x0080, "GICD_IGROUPR", count=32),
    Slot(0x0100, "GICD_ISENABLER", count=32),
    Slot(0x0180, "GICD_ICENABLER", count=32),
    Slot(0x0200, "GICD_ISPENDR", count=32),
    Slot(0x0280, "GICD_ICPENDR", count=32),
    Slot(0x0300, "GICD_ISACTIVER", count=32),
    Slot(0x0380, "GICD_ICACTIVER", count=32),
    Slot(0x0400, "GICD_IPRIORITYR", count=255),
    Slot(0x0800, "GICD_ITARGETSR", count=255),
    Slot(0x0C00, "GICD_ICFGR", count=64),
    Slot(0x0D00, "GICD_IGRPMODR", count=32),
    Slot(0x0E00, "GICD_NSACR", count=64),
    Slot(0x0F00, "GICD_SGIR"),
    Slot(0x0F10, "GICD_CPENDSGIR", count=4),
    Slot(0x0F20, "GICD_SPENDSGIR", count=4),
    # The array is indexed by INTID; its first 32 places are reserved.
    Slot(0x6100, "GICD_IROUTER", size_bytes=8, count=SPI_COUNT_MAX, layout=GICD_IROUTER),
    *identification("GICD"),
)
"""The distributor's frame (IHI 0069, 12.8)."""

SGI_BASE: Final = 0x1_0000
"""Offset of a redistributor's SGI_base frame from its RD_base."""

GICR: Final = RegisterMap(
    "GICR",
    Slot(0x0000, "GICR_CTLR", layout=GICR_CTLR),
    Slot(0x0004, "GICR_IIDR", layout=GIC_IIDR),
    Slot(0x0008, "GICR_TYPER", size_bytes=8, layout=GICR_TYPER),
    Slot(0x0010, "GICR_STATUSR"),
    Slot(0x0014, "GICR_WAKER", layout=GICR_WAKER),
    Slot(0x0018, "GICR_MPAMIDR"),
    Slot(0x001C, "GICR_PARTIDR"),
    Slot(0x0040, "GICR_SETLPIR", size_bytes=8),
    Slot(0x0048, "GICR_CLRLPIR", size_bytes=8),
    Slot(0x0070, "GICR_PROPBASER", size_bytes=8, layout=GICR_PROPBASER),
    Slot(0x0078, "GICR_PENDBASER", size_bytes=8, layout=GICR_PENDBASER),
    Slot(0x00A0, "GICR_INVLPIR", size_bytes=8),
    Slot(0x00B0, "GICR_INVALLR", size_bytes=8),
    Slot(0x00C0, "GICR_SYNCR"),
    *identification("GICR"),
    Slot(SGI_BASE + 0x0080, "GICR_IGROUPR0"),
    Slot(SGI_BASE + 0x0100, "GICR_ISENABLER0"),
    Slot(SGI_BASE + 0x0180, "GICR_ICENABLER0"),
    Slot(SGI_BASE + 0x0200, "GICR_ISPENDR0"),
    Slot(SGI_BASE + 0x0280, "GICR_ICPENDR0"),
    Slot(SGI_BASE + 0x0300, "GICR_ISACTIVER0"),
    Slot(SGI_BASE + 0x0380, "GICR_ICACTIVER0"),
    Slot(SGI_BASE + 0x0400, "GICR_IPRIORITYR0", count=8),
    Slot(SGI_BASE + 0x0C00, "GICR_ICFGR0", count=2),
    Slot(SGI_BASE + 0x0D00, "GICR_IGRPMODR0"),
    Slot(SGI_BASE + 0x0E00, "GICR_NSACR"),
)
"""One redistributor's two frames, offsets from RD_base (IHI 0069, 12.10)."""

BYTE_ACCESSIBLE: Final = frozenset({"GICD_IPRIORITYR", "GICR_IPRIORITYR0", "GICD_ITARGETSR"})
"""Registers that allow byte accesses besides 32-bit ones (IHI 0069, 12.1). The 64-bit
registers allow 64-bit accesses and 32-bit ones to either half; all others only 32-bit ones."""


def access_sizes(slot: Slot) -> frozenset[int]:
    """Sizes, in bytes, of the accesses that a register of the GIC's frames allows."""
    sizes = {4, slot.size_bytes}
    if slot.name in BYTE_ACCESSIBLE:
        sizes.add(1)
    return frozenset(sizes)
