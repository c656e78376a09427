"""A recording in the place of the user who made it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from emu.errors import InputRecordingError
from emu.machine import Machine, Stop
from harness.attended_run import End, Left
from harness.console.console_input import ConsoleInput
from harness.console.recording import Arrival

_BY_ITSELF = (Stop.SYSTEM_OFF, Stop.SYSTEM_RESET, Stop.IDLE)


class Replay:
    """An attendant that has everything arrive at the instruction at which it was recorded.

    Args:
        arrivals: the recording.
        console: where they arrive.
    """

    interval_s = None

    def __init__(self, arrivals: Iterable[Arrival], console: ConsoleInput) -> None:
        self._left = deque(arrivals)
        self._console = console

    def until_cycles(self, _machine: Machine) -> int | None:
        """When the next one arrives."""
        return self._left[0].cycles if self._left else None

    def attend(self, machine: Machine, end: End | None) -> End | None:
        """Have arrive what does so now.

        Raises:
            InputRecordingError: the run is not the one that was recorded.
        """
        while self._left and self._left[0].cycles <= machine.clock.now():
            if end not in (None, Stop.IDLE):
                return end
            arrival = self._left.popleft()
            _check_same(machine, arrival)
            if arrival.data is None:
                self._console.leave()
                return Left.USER
            self._console.arrive(arrival.data)
            end = None
        if self._left and end in _BY_ITSELF:
            _check_same(machine, self._left[0])
        return end


def _check_same(machine: Machine, arrival: Arrival) -> None:
    now = machine.clock.now()
    if (now, machine.instructions) != (arrival.cycles, arrival.instructions):
        raise InputRecordingError(
            f"this is not the run that was recorded: at cycle {now} it has executed "
            f"{machine.instructions} instructions, and something arrived at cycle "
            f"{arrival.cycles}, after {arrival.instructions}; give the same kernel, options and "
            "entropy"
        )
