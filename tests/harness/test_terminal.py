"""A terminal in raw mode gives every key, and is afterwards as it was, however that came about."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from harness.terminal import Terminal
from tests.harness.posix_terminal import Desk, desk, pty


@pytest.fixture
def at() -> Iterator[Desk]:
    with desk() as made:
        yield made


def test_in_raw_mode_every_key_comes_as_it_is(at: Desk) -> None:
    """Ctrl-C, Ctrl-D, Ctrl-S, Ctrl-Z and the carriage return too, and none is shown."""
    keys = bytes(range(256))
    with Terminal(at.terminal) as terminal:
        at.type(keys)
        read = b""
        while len(read) < len(keys):
            read += terminal.read(None)
        os.write(at.terminal, b"end")
        at.watch_for(b"end")
    assert read == keys
    assert at.seen == b"end"


def test_in_raw_mode_a_line_feed_still_begins_a_line(at: Desk) -> None:
    with Terminal(at.terminal):
        os.write(at.terminal, b"a\nb")
        at.watch_for(b"b")
    assert at.seen == b"a\r\nb"


def test_what_was_typed_before_is_not_lost(at: Desk) -> None:
    at.type(b"early\r")
    with Terminal(at.terminal) as terminal:
        assert terminal.read(None).startswith(b"early")


def test_without_a_key_nothing_is_read_when_the_time_is_over(at: Desk) -> None:
    with Terminal(at.terminal) as terminal:
        assert terminal.read(0) == b""
        assert terminal.read(0.001) == b""


def test_a_terminal_that_is_gone_is_the_end_of_the_file() -> None:
    keyboard, descriptor = pty.openpty()
    try:
        with Terminal(descriptor) as terminal:
            os.close(keyboard)
            with pytest.raises(EOFError):
                terminal.read(None)
    finally:
        os.close(descriptor)


def test_afterwards_the_terminal_is_as_it_was(at: Desk) -> None:
    before = at.mode
    with Terminal(at.terminal):
        assert at.mode != before
    assert at.mode == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_terminal_as_it_was(at: Desk, error: type[BaseException]) -> None:
    before = at.mode
    with pytest.raises(error), Terminal(at.terminal):
        raise error
    assert at.mode == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_process_leaves_the_terminal_as_it_was(
    at: Desk, number: signal.Signals
) -> None:
    """With the exit status that a shell gives for it."""
    before, handler = at.mode, signal.getsignal(number)
    with pytest.raises(SystemExit) as raised, Terminal(at.terminal):
        signal.raise_signal(number)
    assert raised.value.code == 128 + number
    assert at.mode == before
    assert signal.getsignal(number) is handler


def test_a_signal_that_is_ignored_stays_so(at: Desk) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Terminal(at.terminal):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_where_input_or_output_is_no_terminal_there_is_none(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.dup(at.terminal), encoding="utf-8") as terminal, open(os.devnull) as nothing:
        for stdin, stdout in ((terminal, nothing), (nothing, terminal), (None, terminal)):
            monkeypatch.setattr(sys, "stdin", stdin)
            monkeypatch.setattr(sys, "stdout", stdout)
            assert Terminal.attached() is None


def test_a_signal_that_comes_while_the_core_calls_back_is_not_lost(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a handler raises there goes nowhere: below a callback of C there is no Python."""
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    call_back = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGTERM))
    with Terminal(at.terminal) as terminal:
        call_back()
        with pytest.raises(SystemExit) as raised:
            terminal.read(0)
    assert raised.value.code == 128 + signal.SIGTERM
