"""16550A UART: register layouts and register map.

Source: National Semiconductor PC16550D data sheet (June 1995), section 8.
"""

from __future__ import annotations

from typing import Final

from emu.arch.bits import Register, RegisterMap, Slot, bit, bits


class IER(Register):
    """Interrupt enable (8.6)."""

    modem_status = bit(3)
    line_status = bit(2)
    transmitter_empty = bit(1)
    received_data = bit(0)


class IIR(Register):
    """Interrupt identification (8.5)."""

    FIFOs = bits(7, 6, {0: "off", 3: "on"})
    source = bits(
        3,
        0,
        {
            0b0000: "modem status",
            0b0001: "none",
            0b0010: "transmitter empty",
            0b0100: "received data",
            0b0110: "line status",
            0b1100: "character timeout",
        },
    )


class LCR(Register):
    """Line control (8.1)."""

    DLAB = bit(7)
    set_break = bit(6)
    stick_parity = bit(5)
    even_parity = bit(4)
    parity = bit(3)
    stop_bits = bit(2, {0: "1", 1: "2"})
    word_length = bits(1, 0, {0: "5 bits", 1: "6 bits", 2: "7 bits", 3: "8 bits"})


class LSR(Register):
    """Line status (8.3)."""

    FIFO_error = bit(7)
    transmitter_empty = bit(6)
    holding_register_empty = bit(5)
    break_interrupt = bit(4)
    framing_error = bit(3)
    parity_error = bit(2)
    overrun_error = bit(1)
    data_ready = bit(0)


class MCR(Register):
    """Modem control (8.7)."""

    loop = bit(4)
    OUT2 = bit(3)
    OUT1 = bit(2)
    RTS = bit(1)
    DTR = bit(0)


class MSR(Register):
    """Modem status (8.8)."""

    DCD = bit(7)
    RI = bit(6)
    DSR = bit(5)
    CTS = bit(4)
    DDCD = bit(3)
    TERI = bit(2)
    DDSR = bit(1)
    DCTS = bit(0)


NS16550: Final = RegisterMap(
    "NS16550",
    Slot(0, "DATA", size_bytes=1),
    Slot(1, "IER", size_bytes=1, layout=IER),
    Slot(2, "IIR", size_bytes=1, layout=IIR),
    Slot(3, "LCR", size_bytes=1, layout=LCR),
    Slot(4, "MCR", size_bytes=1, layout=MCR),
    Slot(5, "LSR", size_bytes=1, layout=LSR),
    Slot(6, "MSR", size_bytes=1, layout=MSR),
    Slot(7, "SCR", size_bytes=1),
)
"""Table II, while LCR.DLAB is 0. DATA is RBR when it is read and THR when it is written; a write of
IIR is one of FCR.
"""

DIVISOR_LATCHES: Final = RegisterMap(
    "NS16550, divisor latches", Slot(0, "DLL", size_bytes=1), Slot(1, "DLM", size_bytes=1)
)
"""What stands in the way of DATA and IER while LCR.DLAB is 1."""
