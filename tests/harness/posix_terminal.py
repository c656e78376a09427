"""A terminal for tests: a pseudo-terminal, and who sits at it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NONE = "Windows has no pseudo-terminals"
fcntl = pytest.importorskip("fcntl", reason=_NONE)
pty = pytest.importorskip("pty", reason=_NONE)
termios = pytest.importorskip("termios", reason=_NONE)

TIMEOUT_S = 120.0
"""Nothing here takes so long; a host that is busy may be slow."""
_LOOK_S = 0.05

_PROGRAM = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from harness.cli import main
main(prog_name="thawbench")
"""
"""Its standard input becomes the terminal of its session, whose foreground it then is."""


class Desk:
    """A terminal and who sits at it.

    Attributes:
        keyboard: the controlling end.
        terminal: what a program has as its terminal.
        seen: all that the terminal has shown.
    """

    def __init__(self) -> None:
        self.keyboard, self.terminal = pty.openpty()
        self.seen = b""
        self._looked_for = 0

    @property
    def mode(self) -> object:
        """How the terminal is set."""
        return termios.tcgetattr(self.terminal)

    def type(self, keys: bytes) -> None:
        """Press some keys."""
        os.write(self.keyboard, keys)

    def watch_for(self, expected: bytes) -> None:
        """Look on until `expected` is shown, behind all that was watched for before."""
        while expected not in self.seen[self._looked_for :]:
            ready, _, _ = select.select([self.keyboard], [], [], TIMEOUT_S)
            assert ready, f"{expected!r} is not shown; the last is {self.seen[-300:]!r}"
            self.seen += os.read(self.keyboard, 4096)
        self._looked_for = self.seen.index(expected, self._looked_for) + len(expected)

    def watch_to_the_end(self, process: subprocess.Popen[bytes]) -> int:
        """Look on until a process has ended; its exit status."""
        looks_left = round(TIMEOUT_S / _LOOK_S)
        while process.poll() is None or select.select([self.keyboard], [], [], 0)[0]:
            if select.select([self.keyboard], [], [], _LOOK_S)[0]:
                self.seen += os.read(self.keyboard, 4096)
            else:
                looks_left -= 1
                assert looks_left, f"it does not end; the last is {self.seen[-300:]!r}"
        return process.returncode

    def resize(self, columns: int) -> None:
        """Give the terminal another width, and 24 rows."""
        size = b"".join(n.to_bytes(2, sys.byteorder) for n in (24, columns, 0, 0))
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, size)


@contextmanager
def desk() -> Iterator[Desk]:
    """A terminal for a test."""
    made = Desk()
    try:
        yield made
    finally:
        os.close(made.keyboard)
        os.close(made.terminal)


@contextmanager
def thawbench(
    at: Desk, *arguments: object, stdout: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The command line as a process at a terminal; its standard output may be a file."""
    output = os.open(stdout or os.devnull, os.O_WRONLY | os.O_CREAT)
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _PROGRAM, *map(str, arguments)],
        stdin=at.terminal,
        stdout=at.terminal if stdout is None else output,
        stderr=at.terminal,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        os.close(output)
