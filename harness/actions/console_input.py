"""Who or what gives a booted guest its console input, as the command line says."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from emu.machine import Machine
from harness import terminal
from harness.actions.files import read_input
from harness.actions.running import REAL_TIME
from harness.attended_run import Attendant
from harness.console.console_input import ConsoleInput
from harness.console.pacing import Pacer
from harness.console.recording import Arrival, InputRecorder, read_recording
from harness.console.replay import Replay
from harness.console.typist import Typist
from harness.report.keys import print_keys
from harness.report.output import note
from harness.terminal import Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """What the command line says of console input.

    Attributes:
        input_path: what arrives as soon as the guest is ready for it; `-` is standard input.
        record_path: where all that arrives is written, with its time.
        replay_path: such a recording, to be repeated.
    """

    input_path: Path | None = None
    record_path: Path | None = None
    replay_path: Path | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where input comes from.

    Attributes:
        data: what arrives at the begin of the run.
        recording: what arrives later.
        keyboard: where a user types; None if nobody does.
        record_path: where all of it is written.
    """

    data: bytes
    recording: tuple[Arrival, ...]
    keyboard: Terminal | None
    record_path: Path | None


def find_sources(options: ConsoleOptions, *, shows_console: bool) -> Sources:
    """Read what is given; without that, and if the console is shown, there may be a keyboard.

    Raises:
        InputRecordingError: a recording is none.
        OSError: a file can't be read.
    """
    given, replay = options.input_path, options.replay_path
    typed = given is None and replay is None and shows_console
    return Sources(
        data=b"" if given is None else read_input(given),
        recording=() if replay is None else read_recording(replay),
        keyboard=_keyboard() if typed else None,
        record_path=options.record_path,
    )


def _keyboard() -> Terminal | None:
    if not terminal.SUPPORTED and sys.stdin is not None and sys.stdin.isatty():
        note("keys typed here do not reach the guest on this system; give --input FILE")
    return Terminal.attached()


@contextmanager
def console_input(machine: Machine, sources: Sources) -> Iterator[list[Attendant]]:
    """Connect a machine's console for its run; gives those who attend to it for that.

    A keyboard is in raw mode meanwhile.

    Raises:
        OSError: the recording can't be written.
    """
    with ExitStack() as stack:
        listeners = []
        if sources.record_path is not None:
            file = sources.record_path.open("w", encoding="utf-8", newline="\n")
            listeners.append(InputRecorder(stack.enter_context(file)))
        console = ConsoleInput(machine, *listeners)
        if sources.data:
            console.arrive(sources.data)
        if sources.keyboard is None:
            yield [Replay(sources.recording, console)]
            return
        note("Ctrl-A x ends the run, Ctrl-A h shows all such keys; the others go to the guest")
        keyboard, pacer = stack.enter_context(sources.keyboard), Pacer(REAL_TIME)
        yield [
            Typist(machine, keyboard=keyboard, console=console, pacer=pacer, show_help=print_keys)
        ]
