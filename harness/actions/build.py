"""`thawbench build`: the state file of a value in JSON."""

from __future__ import annotations

from pathlib import Path

from emu.errors import ValueFileError
from emu.inspect.open import value_of_json
from harness.actions.files import about, note_others, read_input, written


def run(value: Path, output: Path, as_id: str | None, *, as_json: bool) -> None:
    """Write the state file of a JSON value to `output`; raises `SnapshotError` or `OSError`."""
    with about(value):
        state = value_of_json(_text(read_input(value)), as_id)
        encoded = state.format.encode(state.snapshot)
    written(output, state.format, encoded, as_json=as_json)
    note_others(value, state)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueFileError(
            f"byte {error.start} is not UTF-8, and JSON is; save the file in that encoding"
        ) from error
