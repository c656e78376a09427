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
    console = ConsoleStream(Stdout(), status)
    status.show("1 s")
    assert terminal.getvalue() == f"{ERASED}1 s"
    send(console, b"ab")
    assert terminal.getvalue() == f"{ERASED}1 s{ERASED}"
    status.show("2 s")  # in the middle of the guest's line
    assert terminal.getvalue() == f"{ERASED}1 s{ERASED}"
    send(console, b"\n")
    status.show("3 s")
    assert terminal.getvalue().endswith(f"{ERASED}3 s")


def test_a_pipe_gets_no_status_line() -> None:
    for stream in (io.StringIO(), None):
        status = StatusLine(stream)
        status.show("1 s")
        status.clear()
        assert not status.shown
        assert stream is None or stream.getvalue() == ""
