"""The guest's serial console on stdout, as it comes."""

from __future__ import annotations

from typing import BinaryIO

from emu.core.events import ConsoleOutput, Stamped
from harness.report.status_line import StatusLine


class ConsoleStream:
    """A listener that writes what the guest sends, byte by byte, and flushes at line ends.

    Args:
        stream: where to.
        status: shares the terminal, and makes room.
    """

    def __init__(self, stream: BinaryIO, status: StatusLine) -> None:
        self._stream = stream
        self._status = status

    def __call__(self, stamped: Stamped) -> None:
        """A listener for `EventStream.subscribe`."""
        if not isinstance(stamped.event, ConsoleOutput):
            return
        byte = bytes([stamped.event.byte])
        self._status.clear()
        self._stream.write(byte)
        self._status.at_line_start = byte == b"\n"
        if self._status.at_line_start:
            self._stream.flush()
