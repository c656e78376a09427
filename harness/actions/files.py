"""What several commands on state files do: open one, write one, name it in an error."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emu.errors import ThawbenchError
from emu.formats.atomic import write_atomic
from emu.formats.format import Format
from emu.inspect.open import OpenState, open_state
from harness.report.output import note, print_json

STANDARD_STREAM = Path("-")
"""Standard input or output, where a file is asked for."""


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Have an error name the file that it is about."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    except ThawbenchError as error:
        error.args = (f"{path}: {error}",)
        raise


def read_input(path: Path) -> bytes:
    """What a file holds, or standard input if it is `-`. Raises `OSError`."""
    if path != STANDARD_STREAM:
        return path.read_bytes()
    if sys.stdin is None:
        raise OSError(errno.EBADF, "there is no standard input; name a file", str(path))
    return sys.stdin.buffer.read()


def opened(path: Path, as_id: str | None) -> OpenState:
    """The value of a state file; says on stderr if it may be one of another format as well.

    Raises `SnapshotError` or `OSError`.
    """
    state = open_state(path, as_id)
    note_others(path, state)
    return state


def written(output: Path, known: Format, data: bytes, *, as_json: bool) -> None:
    """Write a new state file; says what it is only in JSON. Raises `OSError`."""
    write_atomic(output, data)
    if as_json:
        print_json({"file": str(output), "format": known.id, "size_bytes": len(data)})


def note_others(path: Path, state: OpenState) -> None:
    """Say on stderr of which other formats a file may be."""
    if state.others:
        others = ", ".join(other.id for other in state.others)
        note(
            f"{path} may as well be of {others}; it was taken for {state.format.id} (--as decides)"
        )
