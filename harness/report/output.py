"""Where results go: text and JSON to stdout, what is said beside them to stderr."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable
from typing import BinaryIO, TextIO

import click

from harness.report.text import printable

PROGRAM = "thawbench"


def print_json(value: object) -> None:
    """A result for programs; a path is text."""
    click.echo(json.dumps(value, indent=2, default=str))


def print_lines(lines: Iterable[str]) -> None:
    """A result for people."""
    for line in lines:
        click.echo(line)


def stdout_text() -> TextIO:
    """Stdout as text; nowhere, if there is none."""
    return sys.stdout or io.StringIO()


def stdout_bytes() -> BinaryIO:
    """Stdout for bytes; nowhere, if there is none."""
    return sys.stdout.buffer if isinstance(sys.stdout, io.TextIOWrapper) else io.BytesIO()


def note(message: str) -> None:
    """What the user may want to know."""
    click.echo(f"{PROGRAM}: note: {printable(message)}", err=True)


def warning(message: str) -> None:
    """What the user should look after."""
    click.echo(f"{PROGRAM}: warning: {printable(message)}", err=True)
