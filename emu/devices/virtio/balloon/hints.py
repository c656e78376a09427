"""Hints of a balloon's driver: which pages are free, told in runs that the host asks for.

A run has a number, the host's command. The driver repeats it before the pages of the run, and says
"stop" behind the last; when the host says "done", it uses the pages again (virtio 1.2, 5.5.6.5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from emu.arch.virtio_balloon import HINT_COMMAND, HINT_DONE, HINT_FIRST
from emu.devices.virtio.balloon.state import HintingState
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.device import VirtioDevice

_COMMANDS: Final = 1 << 32


class Hints:
    """The runs of hints.

    Args:
        device: the balloon.
        discard: discards the pages that a chain has as buffers to write.

    Attributes:
        state: where the runs have got.
    """

    def __init__(self, device: VirtioDevice, discard: Callable[[Chain], None]) -> None:
        self._device = device
        self._discard = discard
        self.state = HintingState()

    def start(self, *, acknowledge_on_finish: bool) -> None:
        """Ask for another run."""
        run = max((self.state.last_cmd_id + 1) % _COMMANDS, HINT_FIRST)
        self.state.acknowledge_on_finish = acknowledge_on_finish
        self.state.last_cmd_id = run
        self._command(run)

    def finish(self) -> None:
        """Say "done"."""
        self._command(HINT_DONE)

    def take(self, queue: int) -> None:
        """Take what the driver has made available in their queue.

        Raises:
            DriverError: the driver broke a rule.
        """
        commands: list[int] = []
        self._device.drain(queue, lambda chain: self._take(chain, commands))
        if commands and commands[-1] < HINT_FIRST and self.state.acknowledge_on_finish:
            self.finish()

    def _take(self, chain: Chain, commands: list[int]) -> int:
        """Take a command of the driver's, which is added to `commands`, or pages of its run."""
        state = self.state
        if chain.readable_size_bytes == HINT_COMMAND.size:
            (state.guest_cmd,) = HINT_COMMAND.unpack(chain.read())
            commands.append(state.guest_cmd)
        elif chain.readable:
            self._device.tell_violation(
                f"a command of {chain.readable_size_bytes} bytes; expected {HINT_COMMAND.size}"
            )
        if state.host_cmd >= HINT_FIRST and state.guest_cmd == state.host_cmd:
            self._discard(chain)
        return 0

    def _command(self, command: int) -> None:
        self.state.host_cmd = command
        self._device.connection.notify_configuration()
