"""The guest's serial console on stdout, as it comes."""

from __future__ import annotations

from typing import BinaryIO

from emu.core.events import ConsoleOutput, Stamped
from harness.report.status_line import StatusLine


class ConsoleStream:
    """A listener that writes what the guest sends, byte by byte, and flushes at line ends.

    Args:
        stream: where to.
        status: makes room, if that is a terminal, which they share.
    """

    def __init__(self, stream: BinaryIO, status: StatusLine) -> None:
        self._stream = stream
        self._status = status if stream.isatty() else None

    @property
    def is_terminal(self) -> bool:
        """Whether somebody may be looking at it."""
        return self._status is not None

    def __call__(self, stamped: Stamped) -> None:
        """A listener for `EventStream.subscribe`."""
        if not isinstance(stamped.event, ConsoleOutput):
            return
        byte = bytes([stamped.event.byte])
        at_line_end = byte == b"\n"
        if self._status is not None:
            self._status.clear()
            self._status.at_line_start = at_line_end
        self._stream.write(byte)
        if at_line_end:
            self._stream.flush()

    def flush(self) -> None:
        """Show the beginning of a line too."""
        self._stream.flush()

    def end_line(self) -> None:
        """On a terminal, let what others write begin on a line of its own."""
        if self._status is not None and not self._status.at_line_start:
            self._stream.write(b"\n")
            self._stream.flush()
            self._status.at_line_start = True
