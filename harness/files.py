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

from emu.errors import SnapshotError, ValueFileError
from emu.formats import squib
from emu.formats.atomic import write_atomic
from emu.inspect.describe import describe_file
from emu.wire import jsonvalue
from harness.report import print_description

STANDARD_INPUT = Path("-")


def describe(path: Path, *, as_json: bool) -> None:
    """Print a description of the state file `path`; raises `SnapshotError` if it does not load."""
    description = describe_file(path)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(description), indent=2))
    else:
        print_description(Console(), description)
    if description.problems:
        raise SnapshotError(f"{path}: {description.problems[0].message}")


def dump(path: Path) -> None:
    """Print the value of the state file `path` as serde_json does."""
    with naming(path):
        snapshot = squib.decode(squib.read_file(path))
    # As bytes: text would get other line ends on Windows.
    click.echo(jsonvalue.dumps(squib.Snapshot, snapshot).encode())


def build(value: Path, output: Path) -> None:
    """Write the state file of a JSON value to `output`."""
    data = sys.stdin.buffer.read() if value == STANDARD_INPUT else value.read_bytes()
    with naming(value):
        state = squib.encode(jsonvalue.loads(squib.Snapshot, _text(data)))
    write_atomic(output, state)


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
