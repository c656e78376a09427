"""Runs a program until it prints something, and tells the CPU time that it took."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Measured:
    """What a program took from its start on.

    Attributes:
        cpu_s: user and system time of the process, in seconds.
        wall_s: time that passed.
        output: what it printed, to stdout and to stderr.
    """

    cpu_s: float
    wall_s: float
    output: bytes


class EndedTooEarlyError(Exception):
    """A program ended before it had printed what was waited for."""


def run_until(command: Sequence[str], mark: bytes) -> Measured:
    """Run `command` until `mark` is in its output, and kill it there.

    Raises:
        EndedTooEarlyError: it ended without.
        OSError: it can't be started.
    """
    begin = monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    output = b""
    with process.stdout as pipe:
        while mark not in output:
            chunk = os.read(pipe.fileno(), _CHUNK_BYTES)
            if not chunk:
                break
            output += chunk
        # Not `Popen.kill` and `Popen.wait`: both may reap the process, and throw the usage away.
        os.kill(process.pid, signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if mark not in output:
        raise EndedTooEarlyError(
            f"{command[0]} ended before it printed {mark!r}; the last that it printed: "
            f"{output[-500:].decode(errors='replace')}"
        )
    return Measured(usage.ru_utime + usage.ru_stime, monotonic() - begin, output)
