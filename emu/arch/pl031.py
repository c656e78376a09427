"""PL031 real-time clock: register layouts and register map.

Source: PrimeCell Real Time Clock (PL031) Technical Reference Manual r1p3, Arm DDI 0224C, chapter 3.
"""

from __future__ import annotations

from typing import Final

from emu.arch.bits import Register, RegisterMap, Slot, bit

IDENTIFICATION: Final = (0x31, 0x10, 0x04, 0x00, 0x0D, 0xF0, 0x05, 0xB1)
"""RTCPeriphID0..3 (part 0x031, designer Arm) and RTCPCellID0..3."""


class RTCCR(Register):
    """Control (3.3.4)."""

    RTC_start = bit(0)


class RTCINT(Register):
    """The one interrupt, as it is in IMSC, RIS, MIS and ICR (3.3.5-8)."""

    match = bit(0)


PL031: Final = RegisterMap(
    "PL031",
    Slot(0x000, "DR"),
    Slot(0x004, "MR"),
    Slot(0x008, "LR"),
    Slot(0x00C, "CR", layout=RTCCR),
    Slot(0x010, "IMSC", layout=RTCINT),
    Slot(0x014, "RIS", layout=RTCINT),
    Slot(0x018, "MIS", layout=RTCINT),
    Slot(0x01C, "ICR", layout=RTCINT),
    Slot(0xFE0, "ID", count=len(IDENTIFICATION)),
)
"""Table 3-1; the eight identification registers are one row. DR, MR and LR count seconds."""
