"""The commands that work on files alone."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from emu.errors import SnapshotError, ValueFileError
from emu.formats import registry
from emu.formats.atomic import write_atomic
from emu.formats.format import Format
from emu.inspect.describe import describe_file
from emu.inspect.open import OpenState, open_state, value_of_json
from emu.wire import jsonvalue
from harness.report import print_description
from harness.text import printable

STANDARD_INPUT = Path("-")


def describe(path: Path, *, as_id: str | None, as_json: bool) -> None:
    """Print a description of the state file `path`; raises `SnapshotError` if it does not load."""
    with naming(path):
        description = describe_file(path, as_id)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(description), indent=2))
    else:
        print_description(Console(), description)
    if description.problems:
        raise SnapshotError(f"{path}: {description.problems[0].message}")


def opened(path: Path, as_id: str | None) -> OpenState:
    """The value of a state file; says on stderr if it may be one of another format as well.

    Raises `SnapshotError` or `OSError`.
    """
    state = open_state(path, as_id)
    _note_others(path, state)
    return state


def _note_others(path: Path, state: OpenState) -> None:
    if state.others:
        others = ", ".join(other.id for other in state.others)
        click.echo(
            f"thawbench: note: {printable(str(path))} may as well be of {others}; it was taken for "
            f"{state.format.id} (--as decides)",
            err=True,
        )


def dump(path: Path, as_id: str | None) -> None:
    """Print the value of the state file `path` as serde_json does."""
    with naming(path):
        state = opened(path, as_id)
    # As bytes: text would get other line ends on Windows.
    click.echo(jsonvalue.dumps(state.format.schema, state.snapshot).encode())


def build(value: Path, output: Path, as_id: str | None, *, as_json: bool) -> None:
    """Write the state file of a JSON value to `output`."""
    data = sys.stdin.buffer.read() if value == STANDARD_INPUT else value.read_bytes()
    with naming(value):
        state = value_of_json(_text(data), as_id)
        encoded = state.format.encode(state.snapshot)
    write_atomic(output, encoded)
    _note_others(value, state)
    if as_json:
        written = {"file": str(output), "format": state.format.id, "size_bytes": len(encoded)}
        click.echo(json.dumps(written, indent=2))


def list_formats(*, as_json: bool) -> None:
    """Print all known formats."""
    if as_json:
        click.echo(json.dumps([_format_view(known) for known in registry.formats()], indent=2))
        return
    table = Table("format", "snapshot version", "encoding", "written by", box=None)
    for known in registry.formats():
        table.add_row(known.id, known.version, known.codec.encoding, known.written_by)
    Console(highlight=False).print(table)


def _format_view(known: Format) -> dict[str, object]:
    return {
        "id": known.id,
        "aliases": list(known.aliases),
        "version": known.version,
        "encoding": known.codec.encoding,
        "written_by": known.written_by,
    }


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueFileError(
            f"byte {error.start} is not UTF-8, and JSON is; save the file in that encoding"
        ) from error


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Begin the message of a `SnapshotError` with the file that it is about."""
    try:
        yield
    except SnapshotError as error:
        error.args = (f"{path}: {error}",)
        raise
