"""The console as it comes, and a status line that stays out of its way and out of pipes."""

from __future__ import annotations

import io

from emu.core.events import ConsoleOutput, Stamped, WaitStarted
from harness.report.console_stream import ConsoleStream
from harness.report.status_line import StatusLine

ERASED = "\r\x1b[2K"


class Terminal(io.StringIO):
    """Text that goes to a terminal."""

    def isatty(self) -> bool:
        return True


class Stdout(io.BytesIO):
    """Bytes, and how many of them were flushed."""

    flushed = 0

    def __init__(self, *, is_terminal: bool = False) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    def flush(self) -> None:
        self.flushed = len(self.getvalue())


def send(console: ConsoleStream, text: bytes) -> None:
    for byte in text:
        console(Stamped(0, ConsoleOutput(byte)))


def test_the_console_is_what_the_guest_sends_and_lines_come_at_once() -> None:
    stdout = Stdout()
    console = ConsoleStream(stdout, StatusLine(io.StringIO()))
    send(console, b"\xff\x1b[1mhello\nwor")
    console(Stamped(0, WaitStarted(0)))
    assert stdout.getvalue() == b"\xff\x1b[1mhello\nwor"
    assert stdout.flushed == len(b"\xff\x1b[1mhello\n")


def test_the_status_line_makes_room_for_the_console() -> None:
    terminal = Terminal()
    status = StatusLine(terminal)
    console = ConsoleStream(Stdout(is_terminal=True), status)
    status.show("1 s")
    assert terminal.getvalue() == f"{ERASED}1 s"
    send(console, b"ab")
    assert terminal.getvalue() == f"{ERASED}1 s{ERASED}"
    status.show("2 s")  # in the middle of the guest's line
    assert terminal.getvalue() == f"{ERASED}1 s{ERASED}"
    send(console, b"\n")
    status.show("3 s")
    assert terminal.getvalue().endswith(f"{ERASED}3 s")


def test_a_console_that_goes_elsewhere_leaves_the_status_line_alone() -> None:
    """It never was at the terminal, so a line of it that has no end is none there."""
    terminal = Terminal()
    status = StatusLine(terminal)
    console = ConsoleStream(Stdout(), status)
    status.show("1 s")
    send(console, b"ab")
    status.show("2 s")
    assert terminal.getvalue() == f"{ERASED}1 s{ERASED}2 s"


def test_a_status_line_never_wraps() -> None:
    """What has wrapped could not be erased. A terminal that does not tell its width has 80."""
    terminal = Terminal()
    StatusLine(terminal).show("x" * 200)
    assert terminal.getvalue() == ERASED + "x" * 79


def test_what_follows_the_console_on_a_terminal_begins_a_line() -> None:
    status = StatusLine(None)
    for is_terminal, text, expected in (
        (True, b"# ", b"# \n"),
        (True, b"bye\n", b"bye\n"),
        (False, b"# ", b"# "),
    ):
        stdout = Stdout(is_terminal=is_terminal)
        console = ConsoleStream(stdout, status)
        send(console, text)
        console.end_line()
        assert stdout.getvalue() == expected


def test_a_pipe_gets_no_status_line() -> None:
    for stream in (io.StringIO(), None):
        status = StatusLine(stream)
        status.show("1 s")
        status.clear()
        assert not status.shown
        assert stream is None or stream.getvalue() == ""
