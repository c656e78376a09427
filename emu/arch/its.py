"""The Interrupt Translation Service (ITS) of a GICv3: registers, commands, and what is in tables.

Source: Arm Generic Interrupt Controller Architecture Specification, GICv3 and GICv4, IHI 0069 H;
section 12.19 for registers, section 5.3 for commands. The tables' entries are up to whoever builds
an ITS: these are KVM's, revision 0 (Documentation/virt/kvm/devices/arm-vgic-its.rst, Linux 6.1).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from emu.arch.bits import Register, RegisterMap, Slot, bit, bits
from emu.arch.gicv3 import GIC_IIDR, identification

ITS_SIZE_BYTES: Final = 0x2_0000
"""The control frame and the translation frame, 64 KiB each (IHI 0069, 12.18)."""

# --- registers (IHI 0069, 12.19) --------------------------------------------------------------


class GITS_CTLR(Register):
    """ITS control."""

    Quiescent = bit(31)
    ITS_Number = bits(7, 4)
    ImDe = bit(1)
    Enabled = bit(0)


class GITS_TYPER(Register):
    """What the ITS implements. Sizes are one less than the number of bits or bytes."""

    INV = bit(46)
    UMSIirq = bit(45)
    UMSI = bit(44)
    nID = bit(43)
    SVPET = bits(42, 41)
    VMAPP = bit(40)
    VSGI = bit(39)
    MPAM = bit(38)
    VMOVP = bit(37)
    CIL = bit(36, {0: "16-bit collection ids"})
    CIDbits = bits(35, 32)
    HCC = bits(31, 24)
    PTA = bit(19, {0: "targets are processor numbers", 1: "targets are addresses"})
    SEIS = bit(18)
    Devbits = bits(17, 13)
    ID_bits = bits(12, 8)
    ITT_entry_size = bits(7, 4)
    CCT = bit(2)
    Virtual = bit(1)
    Physical = bit(0)


class GITS_CBASER(Register):
    """Where the command queue is. Size is one less than the number of pages of 4 KiB."""

    Valid = bit(63)
    InnerCache = bits(61, 59)
    OuterCache = bits(55, 53)
    Physical_Address = bits(51, 12)
    Shareability = bits(11, 10)
    Size = bits(7, 0)


class GITS_CWRITER(Register):
    """Offset in the queue behind the last command."""

    Offset = bits(19, 5)
    Retry = bit(0)


class GITS_CREADR(Register):
    """Offset in the queue of the next command to be executed."""

    Offset = bits(19, 5)
    Stalled = bit(0)


class TableType(IntEnum):
    """What a table holds: GITS_BASER<n>.Type."""

    NONE = 0
    DEVICES = 1
    COLLECTIONS = 4


class GITS_BASER(Register):
    """Where a table is.

    Size is one less than the number of pages, Entry_Size one less than the number of bytes. With
    pages of 64 KiB, bits 15:12 are bits 51:48 of the address: High_Address here.
    """

    Valid = bit(63)
    Indirect = bit(62)
    InnerCache = bits(61, 59)
    Type = bits(58, 56, {kind.value: kind.name for kind in TableType})
    OuterCache = bits(55, 53)
    Entry_Size = bits(52, 48)
    Physical_Address = bits(47, 16)
    High_Address = bits(15, 12)
    Shareability = bits(11, 10)
    Page_Size = bits(9, 8, {0: "4 KiB", 1: "16 KiB", 2: "64 KiB"})
    Size = bits(7, 0)

    @property
    def address(self) -> int:
        """Where the table is, with pages of 64 KiB."""
        return self.High_Address << 48 | self.Physical_Address << 16


TABLE_PAGE_BYTES: Final = 0x1_0000
"""Pages of 64 KiB, the only size that KVM's ITS has."""

GITS: Final = RegisterMap(
    "GITS",
    Slot(0x0000, "GITS_CTLR", layout=GITS_CTLR),
    Slot(0x0004, "GITS_IIDR", layout=GIC_IIDR),
    Slot(0x0008, "GITS_TYPER", size_bytes=8, layout=GITS_TYPER),
    Slot(0x0010, "GITS_MPAMIDR"),
    Slot(0x0014, "GITS_PARTIDR"),
    Slot(0x0018, "GITS_MPIDR"),
    Slot(0x0040, "GITS_STATUSR"),
    Slot(0x0048, "GITS_UMSIR", size_bytes=8),
    Slot(0x0080, "GITS_CBASER", size_bytes=8, layout=GITS_CBASER),
    Slot(0x0088, "GITS_CWRITER", size_bytes=8, layout=GITS_CWRITER),
    Slot(0x0090, "GITS_CREADR", size_bytes=8, layout=GITS_CREADR),
    Slot(0x0100, "GITS_BASER", size_bytes=8, count=8, layout=GITS_BASER),
    *identification("GITS"),
    Slot(0x1_0040, "GITS_TRANSLATER"),
)
"""Both frames, offsets from the control frame (IHI 0069, 12.18)."""

# --- commands (IHI 0069, 5.3) -----------------------------------------------------------------

COMMAND_BYTES: Final = 32


class ItsOpcode(IntEnum):
    """The commands for physical LPIs."""

    MOVI = 0x01
    INT = 0x03
    CLEAR = 0x04
    SYNC = 0x05
    MAPD = 0x08
    MAPC = 0x09
    MAPTI = 0x0A
    MAPI = 0x0B
    INV = 0x0C
    INVALL = 0x0D
    MOVALL = 0x0E
    DISCARD = 0x0F


class ItsCommand(Register):
    """One command: four doublewords, the first in the lowest bits. A field is at the same place in
    every command that has it; of a target, a processor number, KVM takes 32 bits.
    """

    Target2 = bits(239, 208)
    Valid = bit(191)
    Target = bits(175, 144)
    ITT_addr = bits(179, 136)
    ICID = bits(143, 128)
    pINTID = bits(127, 96)
    EventID = bits(95, 64)
    Size = bits(68, 64)
    DeviceID = bits(63, 32)
    Opcode = bits(7, 0, {opcode.value: opcode.name for opcode in ItsOpcode})

    @property
    def name(self) -> str:
        """The command's name; of a number that is none, the number."""
        return ItsCommand.Opcode.names.get(self.Opcode, f"{self.Opcode:#x}")


# --- entries of tables (KVM's, revision 0) ----------------------------------------------------

ENTRY_BYTES: Final = 8
"""Entries of all tables, of first-level ones too."""


class FirstLevelEntry(Register):
    """An entry of a first-level table: where a page of the second level is (IHI 0069, 5.2.1)."""

    Valid = bit(63)
    Physical_Address = bits(51, 16)


class DeviceEntry(Register):
    """Where a device's interrupt translation table is. Next is how many ids the next valid entry
    is away, 0 for the last; Size is one less than the number of bits of its event ids.
    """

    Valid = bit(63)
    Next = bits(62, 49)
    ITT_addr = bits(48, 5)
    Size = bits(4, 0)


class CollectionEntry(Register):
    """The target of a collection. Entries stand side by side, whatever their ids."""

    Valid = bit(63)
    Target = bits(47, 16)
    ICID = bits(15, 0)


class TranslationEntry(Register):
    """What an event is translated to. Next is as in a device's entry; no LPI, no entry."""

    Next = bits(63, 48)
    pINTID = bits(47, 16)
    ICID = bits(15, 0)
