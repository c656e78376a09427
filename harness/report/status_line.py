"""How far a run is, on the last line of a terminal; nothing where stderr is none."""

from __future__ import annotations

import os
from typing import TextIO

_ERASED = "\r\x1b[2K"
_COLUMNS_BY_DEFAULT = 80


class StatusLine:
    """One line that is written over again and again.

    It is only there while the cursor is at the beginning of a line, and is erased before anything
    else is written: so it never tears a line of the guest's, and leaves nothing behind. It is cut
    off before it would wrap.

    Args:
        stream: a terminal; what is none, or None, is left alone.

    Attributes:
        at_line_start: whether the cursor is where a line may be written; who shares the terminal
            says so.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._terminal = stream if stream is not None and stream.isatty() else None
        self._drawn = False
        self.at_line_start = True

    @property
    def shown(self) -> bool:
        """Whether there is a terminal to show anything on."""
        return self._terminal is not None

    def show(self, text: str) -> None:
        """Put `text` there, unless another line is being written."""
        if self._terminal is not None and self.at_line_start:
            self._terminal.write(f"{_ERASED}{text[: _columns(self._terminal) - 1]}")
            self._terminal.flush()
            self._drawn = True

    def clear(self) -> None:
        """Make room for another line."""
        if self._terminal is not None and self._drawn:
            self._terminal.write(_ERASED)
            self._terminal.flush()
            self._drawn = False


def _columns(terminal: TextIO) -> int:
    """Its width, which may change at any time; some terminals say 0."""
    try:
        return os.get_terminal_size(terminal.fileno()).columns or _COLUMNS_BY_DEFAULT
    except (OSError, ValueError):
        return _COLUMNS_BY_DEFAULT
