"""The devices of a machine that have registers: which there are, and where."""

from __future__ import annotations

from collections.abc import Callable

from emu.boards.board import Board, UartKind
from emu.boards.equipment import Equipment
from emu.boards.places import Window
from emu.core.bus import Bus
from emu.core.events import EventStream
from emu.core.ports import IrqLine, MmioWindow
from emu.devices.ns16550 import Ns16550
from emu.devices.pl011 import Pl011
from emu.devices.pl031 import Pl031

Uart = Pl011 | Ns16550
"""A serial console."""

_UARTS: dict[UartKind, type[Pl011] | type[Ns16550]] = {
    UartKind.PL011: Pl011,
    UartKind.NS16550: Ns16550,
}


class MmioDevices:
    """The UART and the real-time clock of a machine.

    Args:
        board: says of which kind they are.
        equipment: which of them there are, and where.
        irqs: the interrupt line of a GSI.
        console: gets each character that the guest sends.
        unix_time_s: the host's wall clock, in seconds since 1970.
        events: everything that happens.

    Attributes:
        uart: the serial console; None without it.
        rtc: the real-time clock; None without it.
    """

    def __init__(
        self,
        board: Board,
        equipment: Equipment,
        *,
        irqs: Callable[[int], IrqLine],
        console: Callable[[int], None],
        unix_time_s: Callable[[], int],
        events: EventStream,
    ) -> None:
        self.uart: Uart | None = None
        self.rtc: Pl031 | None = None
        self._windows: list[tuple[str, Window, MmioWindow]] = []
        if equipment.uart is not None:
            self.uart = _UARTS[board.uart_kind](irqs(equipment.uart.gsi), console, events)
            self._windows.append((board.uart_kind.value, equipment.uart.window, self.uart))
        if equipment.rtc is not None:
            self.rtc = Pl031(unix_time_s)
            self._windows.append(("PL031", equipment.rtc.window, self.rtc))

    def attach_to(self, bus: Bus) -> None:
        """Put them at their places; `BoardError` if two overlap."""
        for name, window, registers in self._windows:
            bus.attach(name, window.base, window.size_bytes, registers)
