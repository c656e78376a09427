"""The commands on one state file: `formats`, `describe`, `verify`, `dump`, `build`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.commands.options import AS, FILE, JSON


@click.command()
@JSON
def formats(*, as_json: bool) -> None:
    """List the formats that are known, with the releases that write them."""
    from harness.actions.formats import run

    run(as_json=as_json)


@click.command()
@click.argument("file", type=FILE)
@AS
@JSON
def describe(*, file: Path, as_id: str | None, as_json: bool) -> None:
    """Show what is in the state file FILE, and whether the release that wrote it would load it.

    Of a damaged file, what can be told is shown all the same; the exit status is then 2.
    """
    from harness.actions.describe import run

    run(file, as_id, as_json=as_json)


@click.command()
@click.argument("file", type=FILE)
@AS
@click.option("--checks", "list_checks", is_flag=True, help="List all checks of the loader.")
@JSON
def verify(*, file: Path, as_id: str | None, list_checks: bool, as_json: bool) -> None:
    """Say what a release's loader makes of the state file FILE, and why.

    The exit status is 0 if the loader accepts it, 1 if it rejects it, and 2 if the file can't be
    read or its format can't be told.
    """
    from harness.actions.verify import run

    sys.exit(0 if run(file, as_id, list_checks=list_checks, as_json=as_json) else 1)


@click.command()
@click.argument("file", type=FILE)
@AS
@click.option("--json", is_flag=True, expose_value=False, help="It prints JSON in any case.")
def dump(*, file: Path, as_id: str | None) -> None:
    """Print the whole value of the state file FILE as JSON.

    Checksum and encoding must be right; what the value says is not judged.
    """
    from harness.actions.dump import run

    run(file, as_id)


@click.command()
@click.argument("value", metavar="JSON", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="The state file to write.")
@AS
@JSON
def build(*, value: Path, output: Path, as_id: str | None, as_json: bool) -> None:
    """Write the state file of a value in JSON, as `dump` prints it; `-` is standard input."""
    from harness.actions.build import run

    run(value, output, as_id, as_json=as_json)
