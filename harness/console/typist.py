"""A user who types at the guest's console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from emu.machine import Machine, Stop
from harness.attended_run import End, Left
from harness.console.console_input import ConsoleInput
from harness.console.keys import EscapeKeys
from harness.console.pacing import Pacer

_PIECES_PER_S = 50
"""Of virtual time: how coarse a guest's waits are in real time."""


class Keyboard(Protocol):
    """Where keys come from."""

    def read(self, timeout_s: float | None, /) -> bytes:
        """What was typed; waits until there is something, or for so long, and then gives nothing.

        Raises:
            EOFError: no key will ever come.
        """


class Typist:
    """An attendant that brings what is typed to the guest, and has idle time pass in real time.

    A guest that waits for ever waits for a key: the run goes on with it.

    Args:
        machine: the machine, at the begin of its run.
        keyboard: where the user types.
        console: where that goes.
        pacer: says how long to wait.
        show_help: tells the user which keys there are.
    """

    interval_s = 0.05

    def __init__(
        self,
        machine: Machine,
        *,
        keyboard: Keyboard,
        console: ConsoleInput,
        pacer: Pacer,
        show_help: Callable[[], None],
    ) -> None:
        self._keyboard = keyboard
        self._console = console
        self._pacer = pacer
        self._show_help = show_help
        self._keys = EscapeKeys()
        self._waited_cycles = _waited_cycles(machine)

    def until_cycles(self, machine: Machine) -> int:
        """A short while of virtual time from now."""
        return machine.clock.now() + machine.board.cycles_per_s // _PIECES_PER_S

    def attend(self, machine: Machine, end: End | None) -> End | None:
        """Wait for keys as long as virtual time is ahead, and hand them on."""
        waited = _waited_cycles(machine)
        ahead_s = self._pacer.ahead_s((waited - self._waited_cycles) / machine.board.cycles_per_s)
        self._waited_cycles = waited
        if end is not None and end is not Stop.IDLE:
            return end
        try:
            typed = self._keys.read(self._keyboard.read(None if end is Stop.IDLE else ahead_s))
        except EOFError:
            return self._leave()
        if typed.help:
            self._show_help()
        if typed.data:
            self._console.arrive(typed.data)
        return self._leave() if typed.leave else None

    def _leave(self) -> End:
        self._console.leave()
        return Left.USER


def _waited_cycles(machine: Machine) -> int:
    """Time in which all vCPUs waited: an instruction takes a cycle, and nothing else does."""
    return machine.clock.now() - machine.instructions
