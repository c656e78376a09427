"""PL011 UART: register layouts and register map.

Source: PrimeCell UART (PL011) Technical Reference Manual r1p5, Arm DDI 0183G, chapter 3. The
identification registers are those of r1p1, as squib's UART reports them: up to r1p4 the FIFOs
hold 16 characters, and r1p5's hold 32 (Linux takes the depth from the revision).
"""

from __future__ import annotations

from typing import Final

from emu.arch.bits import Register, RegisterMap, Slot, bit, bits

FIFO_DEPTH: Final = 16
"""Characters that the receive FIFO holds when LCR_H.FEN is 1; it holds one otherwise."""

IDENTIFICATION: Final = (0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1)
"""UARTPeriphID0..3 (part 0x011, designer Arm, revision r1p1) and UARTPCellID0..3."""

_FIFO_LEVELS = {0: "1/8", 1: "1/4", 2: "1/2", 3: "3/4", 4: "7/8"}


class UARTDR(Register):
    """Data register, as read (DDI 0183G, 3.3.1); a write uses DATA only."""

    OE = bit(11)
    BE = bit(10)
    PE = bit(9)
    FE = bit(8)
    DATA = bits(7, 0)


class UARTRSR(Register):
    """Receive status; a write of any value clears it (DDI 0183G, 3.3.2)."""

    OE = bit(3)
    BE = bit(2)
    PE = bit(1)
    FE = bit(0)


class UARTFR(Register):
    """Flags (DDI 0183G, 3.3.3)."""

    RI = bit(8)
    TXFE = bit(7)
    RXFF = bit(6)
    TXFF = bit(5)
    RXFE = bit(4)
    BUSY = bit(3)
    DCD = bit(2)
    DSR = bit(1)
    CTS = bit(0)


class UARTILPR(Register):
    """IrDA low-power counter (DDI 0183G, 3.3.4)."""

    ILPDVSR = bits(7, 0)


class UARTIBRD(Register):
    """Integer baud rate divisor (DDI 0183G, 3.3.5)."""

    BAUD_DIVINT = bits(15, 0)


class UARTFBRD(Register):
    """Fractional baud rate divisor, in 1/64 (DDI 0183G, 3.3.6)."""

    BAUD_DIVFRAC = bits(5, 0)


class UARTLCR_H(Register):
    """Line control (DDI 0183G, 3.3.7)."""

    SPS = bit(7)
    WLEN = bits(6, 5, {0: "5 bits", 1: "6 bits", 2: "7 bits", 3: "8 bits"})
    FEN = bit(4)
    STP2 = bit(3)
    EPS = bit(2)
    PEN = bit(1)
    BRK = bit(0)


class UARTCR(Register):
    """Control (DDI 0183G, 3.3.8)."""

    CTSEN = bit(15)
    RTSEN = bit(14)
    OUT2 = bit(13)
    OUT1 = bit(12)
    RTS = bit(11)
    DTR = bit(10)
    RXE = bit(9)
    TXE = bit(8)
    LBE = bit(7)
    SIRLP = bit(2)
    SIREN = bit(1)
    UARTEN = bit(0)


class UARTIFLS(Register):
    """Interrupt FIFO level select (DDI 0183G, 3.3.9)."""

    RXIFLSEL = bits(5, 3, _FIFO_LEVELS)
    TXIFLSEL = bits(2, 0, _FIFO_LEVELS)


class UARTINT(Register):
    """The eleven interrupts, in the order of IMSC, RIS, MIS and ICR (DDI 0183G, 3.3.10-13)."""

    OE = bit(10)
    BE = bit(9)
    PE = bit(8)
    FE = bit(7)
    RT = bit(6)
    TX = bit(5)
    RX = bit(4)
    DSRM = bit(3)
    DCDM = bit(2)
    CTSM = bit(1)
    RIM = bit(0)


class UARTDMACR(Register):
    """DMA control (DDI 0183G, 3.3.14)."""

    DMAONERR = bit(2)
    TXDMAE = bit(1)
    RXDMAE = bit(0)


PL011: Final = RegisterMap(
    "PL011",
    Slot(0x000, "DR", layout=UARTDR),
    Slot(0x004, "RSR", layout=UARTRSR),
    Slot(0x018, "FR", layout=UARTFR),
    Slot(0x020, "ILPR", layout=UARTILPR),
    Slot(0x024, "IBRD", layout=UARTIBRD),
    Slot(0x028, "FBRD", layout=UARTFBRD),
    Slot(0x02C, "LCR_H", layout=UARTLCR_H),
    Slot(0x030, "CR", layout=UARTCR),
    Slot(0x034, "IFLS", layout=UARTIFLS),
    Slot(0x038, "IMSC", layout=UARTINT),
    Slot(0x03C, "RIS", layout=UARTINT),
    Slot(0x040, "MIS", layout=UARTINT),
    Slot(0x044, "ICR", layout=UARTINT),
    Slot(0x048, "DMACR", layout=UARTDMACR),
    Slot(0xFE0, "ID", count=len(IDENTIFICATION)),
)
"""DDI 0183G, table 3-1; the eight identification registers are one row."""
