"""A PL011 with its surroundings."""

from __future__ import annotations

from dataclasses import dataclass, field

from emu.arch.pl011 import PL011, UARTCR, UARTFR, UARTINT, UARTLCR_H
from emu.core.events import EventStream
from emu.devices.pl011 import Pl011
from tests.devices.fakes import StoppedClock

ENABLED = int(UARTCR().replace(UARTEN=1, RXE=1, TXE=1))
FIFO_ON = int(UARTLCR_H().replace(FEN=1))


@dataclass
class Line:
    """An interrupt line that remembers its level."""

    high: bool = False
    driven: int = 0

    def set_level(self, high: bool) -> None:
        self.high = high
        self.driven += 1

    def pulse(self) -> None:
        raise AssertionError("UARTINTR is a level")


@dataclass
class Bench:
    """A PL011 with its surroundings, and its registers by name."""

    line: Line = field(default_factory=Line)
    sent: bytearray = field(default_factory=bytearray)
    events: EventStream = field(default_factory=lambda: EventStream(StoppedClock()))

    def __post_init__(self) -> None:
        self.uart = Pl011(self.line, self.sent.append, self.events)

    def __getitem__(self, name: str) -> int:
        return self.uart.read(PL011[name], 4)

    def __setitem__(self, name: str, value: int) -> None:
        self.uart.write(PL011[name], 4, value)

    @property
    def flags(self) -> UARTFR:
        return UARTFR(self["FR"])

    @property
    def raw(self) -> UARTINT:
        return UARTINT(self["RIS"])
