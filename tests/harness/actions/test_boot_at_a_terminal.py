"""`thawbench boot` at a terminal: keys reach the guest; afterwards the terminal is as it was."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.event_lines import read_events
from tests import a64
from tests.harness.actions.booting import SEED, boot
from tests.harness.kernel_image import kernel_file
from tests.harness.posix_terminal import Desk, desk, thawbench

ECHO = ("boot", "--guest", "echo", "--memory", 8, "--entropy", SEED)
GREETING = b"echo: Ctrl-D powers off\r\n"


@pytest.fixture
def at() -> Iterator[Desk]:
    with desk() as made:
        yield made


def test_keys_reach_the_guest_until_it_powers_off(at: Desk) -> None:
    before = at.mode
    with thawbench(at, *ECHO) as process:
        at.watch_for(b"Ctrl-A x ends the run, Ctrl-A h shows all such keys")
        at.watch_for(GREETING)
        assert at.mode != before
        at.type(b"hello\r")
        at.watch_for(b"hello\r\r\n")
        at.type(b"\x03\x04")  # Ctrl-C is for the guest
        at.watch_for(b"\x03\r\nthawbench: note: the guest powered off, after ")
        assert at.watch_to_the_end(process) == 0
    assert at.mode == before
    assert b"MIPS" not in at.seen


def test_ctrl_a_x_leaves_and_ctrl_a_h_helps(at: Desk) -> None:
    before = at.mode
    with thawbench(at, *ECHO) as process:
        at.watch_for(GREETING)
        at.type(b"\x01h")
        at.watch_for(b"\r\n  Ctrl-A x       leave: the run ends\r\n")
        at.watch_for(b"this help\r\n")
        at.type(b"a\x01\x01b")
        at.watch_for(b"a\x01b")
        at.type(b"\x01x")
        at.watch_for(b"\r\nthawbench: note: the user left, after ")
        assert at.watch_to_the_end(process) == 1
    assert at.mode == before
    assert b"vCPU 0" not in at.seen, "there is no report"


@pytest.mark.parametrize("waits", [True, False])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(
    at: Desk, waits: bool, tmp_path: Path
) -> None:
    """While the guest waits for keys, and while it spins."""
    before = at.mode
    spinning = ("boot", "--memory", 8, "--kernel", kernel_file(tmp_path, a64.B_SELF))
    with thawbench(at, *(ECHO if waits else spinning)) as process:
        at.watch_for(GREETING if waits else b"entropy seed")
        process.send_signal(signal.SIGTERM)
        assert at.watch_to_the_end(process) == 128 + signal.SIGTERM
    assert at.mode == before


def test_a_session_is_repeated_by_its_recording(at: Desk, tmp_path: Path) -> None:
    recording, live, again = (tmp_path / name for name in ("recording", "live", "again"))
    with thawbench(at, *ECHO, "--record-input", recording, "--events", live) as process:
        at.watch_for(GREETING)
        for keys in (b"one\r", b"two\r"):
            at.type(keys)
            at.watch_for(keys + b"\r\n")
        at.type(b"\x01x")
        assert at.watch_to_the_end(process) == 1
    assert recording.read_text("utf-8").count('"input"') == 2

    rerecorded = tmp_path / "rerecorded"
    replay = ("--replay-input", recording, "--record-input", rerecorded, "--events", again)
    result = boot("--guest", "echo", *replay)
    assert result.exit_code == 1
    assert "the user left, after " in result.stderr
    assert result.stdout_bytes == GREETING.replace(b"\r", b"") + b"one\r\ntwo\r\n"
    assert again.read_bytes() == live.read_bytes()
    assert len(list(read_events(again))) > 100
    assert rerecorded.read_bytes() == recording.read_bytes()


def test_a_script_at_a_terminal_is_not_interactive(at: Desk, tmp_path: Path) -> None:
    """And the status line is shown by default."""
    script = tmp_path / "script"
    script.write_bytes(b"hello\r\x04")
    before = at.mode
    with thawbench(at, *ECHO, "--input", script) as process:
        assert at.watch_to_the_end(process) == 0
    assert at.mode == before
    assert b"Ctrl-A x" not in at.seen
    assert b"1 of 1 vCPU running" in at.seen


def screen(shown: bytes, columns: int) -> list[str]:
    """The lines that a terminal of this width has after it was shown so much."""
    lines, column = [[" "] * columns], 0
    for piece in re.findall(rb"\x1b\[2K|.", shown, re.S):
        if piece == b"\x1b[2K":
            lines[-1] = [" "] * columns
        elif piece == b"\r":
            column = 0
        elif piece == b"\n":
            lines.append([" "] * columns)
        else:
            if column == columns:
                lines.append([" "] * columns)
                column = 0
            lines[-1][column] = piece.decode("latin-1")
            column += 1
    return ["".join(line).rstrip() for line in lines]


@pytest.mark.parametrize("columns", [30, 200])
def test_the_status_line_neither_tears_the_console_nor_leaves_anything(
    at: Desk, columns: int
) -> None:
    """Whatever is drawn in between, the lines in the end are those of the guest and ours."""
    at.resize(columns)
    with thawbench(at, *ECHO, "--status") as process:
        at.watch_for(GREETING)
        for keys in (b"one\r", b"two\r", b"three\r"):
            at.type(keys)
            at.watch_for(keys + b"\r\n")
        at.type(b"\x04")
        assert at.watch_to_the_end(process) == 0
    lines = [line for line in screen(at.seen, columns) if line]
    begin = lines.index("echo: Ctrl-D powers off")
    assert lines[begin + 1 : begin + 4] == ["one", "two", "three"]
    assert lines[begin + 4].startswith("thawbench: note: the guest")
    assert at.seen.count(b"s of virtual") >= 4


def test_with_output_to_a_file_nobody_types(at: Desk, tmp_path: Path) -> None:
    """Ctrl-C interrupts the run, and the status line shows how far it is."""
    path = kernel_file(tmp_path, a64.B_SELF)
    output = tmp_path / "output"
    with thawbench(at, "boot", "--memory", 8, "--kernel", path, stdout=output) as process:
        at.watch_for(b" MIPS, 1 of 1 vCPU running")
        at.type(b"\x03")
        at.watch_for(b"stopped: the user interrupted it")
        assert at.watch_to_the_end(process) == 128 + signal.SIGINT
    assert output.read_bytes() == b""
