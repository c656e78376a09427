"""The command `convert`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import AS, FILE, JSON


@click.command()
@click.argument("file", type=FILE)
@click.option(
    "--to", "to_id", metavar="FORMAT", required=True,
    help="The format to write, for example firecracker-1.16; `thawbench formats` lists them.",
)  # fmt: skip
@click.option("-o", "--output", type=FILE, required=True, help="The state file to write.")
@click.option("--lossy", is_flag=True, help="Write the file even if something is lost.")
@AS
@JSON
def convert(
    *, file: Path, to_id: str, output: Path, lossy: bool, as_id: str | None, as_json: bool
) -> None:
    """Write the state file FILE as another release of Firecracker would have it.

    What is lost is shown, with what the guest notices of it; nothing is written then unless
    --lossy is given, and the exit status is 2. The memory file stays as it is.
    """
    from harness.actions.convert import run

    run(file, output, to_id, as_id=as_id, lossy=lossy, as_json=as_json)
