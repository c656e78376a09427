"""The terminal at which somebody sits: the one module that knows how the host's terminals work.

Windows has others, which this does not know; there is no machine there either.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Final, Self, TextIO

if sys.platform != "win32":
    import termios
    import tty

SUPPORTED: Final = sys.platform != "win32"
"""Whether keys can be read one by one."""

_READ_BYTES = 4096
_OUTPUT_FLAGS = 1
"""Index in what `termios.tcgetattr` gives."""


class Terminal:
    """A terminal in raw mode while its context is entered: each key is read, Ctrl-C as well.

    Output is processed as before, so that a line feed begins a line. However the context is left,
    by an error, SIGTERM or SIGHUP as well, the terminal is as it was.

    Args:
        descriptor: of the terminal, open for reading.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._stack = ExitStack()
        self._signals = _Signals()

    @classmethod
    def attached(cls) -> Self | None:
        """The terminal that is both standard input and output; None if there is none.

        It is none while another job is in its foreground, which it would take the keys from.
        """
        if not SUPPORTED or not all(_is_terminal(stream) for stream in (sys.stdin, sys.stdout)):
            return None
        descriptor = sys.stdin.fileno()
        return cls(descriptor) if os.tcgetpgrp(descriptor) == os.getpgrp() else None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._signals.unwinding())
            stack.enter_context(_raw(self._descriptor))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(self, timeout_s: float | None) -> bytes:
        """What was typed; waits until there is something, or for so long, and then gives nothing.

        Raises:
            EOFError: the terminal is gone.
            SystemExit: a signal has ended the process.
        """
        self._signals.unwind()
        ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
        if not ready:
            return b""
        try:
            typed = os.read(self._descriptor, _READ_BYTES)
        except OSError as error:  # EIO: its other end was closed
            raise EOFError(error.strerror) from error
        if not typed:
            raise EOFError("end of file")
        return typed


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and os.isatty(stream.fileno())
    except (OSError, ValueError):  # it is closed, or no file
        return False


@contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    """What was typed before is kept, so nothing is flushed."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor, termios.TCSANOW)
        raw = termios.tcgetattr(descriptor)
        raw[_OUTPUT_FLAGS] = before[_OUTPUT_FLAGS]
        termios.tcsetattr(descriptor, termios.TCSANOW, raw)
        yield
    finally:
        with suppress(termios.error):  # it is gone, as after a hang-up
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


class _Signals:
    """Signals that end the process leave all contexts first; what is ignored stays so.

    What a handler raises is lost if the signal comes while the core calls back, where nobody above
    is Python: so it is kept, and raised again.
    """

    def __init__(self) -> None:
        self._status: int | None = None

    @contextmanager
    def unwinding(self) -> Iterator[None]:
        """Signals are caught in this context."""
        before = {}
        try:
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is signal.SIG_DFL:
                    before[number] = signal.signal(number, self._caught)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def unwind(self) -> None:
        """Raise `SystemExit` if a signal has come, with the status that a shell gives a process
        which it has ended.
        """
        if self._status is not None:
            sys.exit(self._status)

    def _caught(self, number: int, _frame: FrameType | None) -> None:
        self._status = 128 + number
        self.unwind()
