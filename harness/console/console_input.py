"""What has arrived at a machine's console and waits for the guest to take it."""

from __future__ import annotations

from collections.abc import Callable

from emu.machine import Machine
from harness.console.recording import Arrival


class ConsoleInput:
    """The serial line into a machine: characters arrive between two pieces of a run.

    Args:
        machine: whose console it is; one without a UART takes nothing.
        listeners: told of everything that arrives, with its time.
    """

    def __init__(self, machine: Machine, *listeners: Callable[[Arrival], None]) -> None:
        self._machine = machine
        self._listeners = listeners
        self._waiting = bytearray()
        if machine.uart is not None:
            machine.uart.connect(self._take)

    def arrive(self, data: bytes) -> None:
        """Bytes arrive now; the guest gets them as soon as it is ready for them."""
        self._tell(data)
        self._waiting += data
        # The timers' lines follow the time first, whether or not the run has just seen to that.
        self._machine.drive_timer_lines()
        if self._machine.uart is not None:
            self._machine.uart.poll()

    def leave(self) -> None:
        """The user leaves now."""
        self._tell(None)

    def _tell(self, data: bytes | None) -> None:
        arrival = Arrival(self._machine.clock.now(), self._machine.instructions, data)
        for listener in self._listeners:
            listener(arrival)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken
