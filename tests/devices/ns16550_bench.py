"""An NS16550 with its surroundings."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from emu.arch.ns16550 import DIVISOR_LATCHES, NS16550
from emu.core.events import EventStream
from emu.devices.ns16550 import FIFO_DEPTH, Ns16550, Ns16550State
from tests.devices.fakes import StoppedClock

OFFSETS = {slot.name: slot.offset for slot in (*NS16550.slots, *DIVISOR_LATCHES.slots)}


@dataclass
class Line:
    """An interrupt line that counts its pulses."""

    pulses: int = 0

    def set_level(self, high: bool) -> None:
        raise AssertionError(f"the interrupt is an edge, and was driven {high}")

    def pulse(self) -> None:
        self.pulses += 1

    def take(self) -> int:
        """The pulses since the last call."""
        taken, self.pulses = self.pulses, 0
        return taken


@dataclass
class Bench:
    """An NS16550 with its surroundings, and its registers by name."""

    line: Line = field(default_factory=Line)
    sent: bytearray = field(default_factory=bytearray)
    events: EventStream = field(default_factory=lambda: EventStream(StoppedClock()))

    def __post_init__(self) -> None:
        self.uart = Ns16550(self.line, self.sent.append, self.events)

    def __getitem__(self, name: str) -> int:
        return self.uart.read(OFFSETS[name], 1)

    def __setitem__(self, name: str, value: int) -> None:
        self.uart.write(OFFSETS[name], 1, value)


def states() -> st.SearchStrategy[Ns16550State]:
    """Any state that the UART can hold, often with little room."""
    register = st.integers(0, 0xFF)
    buffers = st.binary(max_size=FIFO_DEPTH) | st.binary(min_size=60, max_size=FIFO_DEPTH)
    return st.builds(
        Ns16550State,
        baud_divisor_low=register,
        baud_divisor_high=register,
        interrupt_enable=register,
        interrupt_identification=register,
        line_control=register,
        line_status=register,
        modem_control=register,
        modem_status=register,
        scratch=register,
        in_buffer=buffers,
    )
