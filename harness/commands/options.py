"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(path_type=Path)

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")

AS = click.option(
    "--as", "as_id", metavar="FORMAT",
    help="The format to read it as, for example firecracker-1.14; `thawbench formats` lists them. "
    "Found out from the file by default.",
)  # fmt: skip


def _parse_seed(_ctx: click.Context, _option: click.Parameter, value: str | None) -> bytes | None:
    try:
        return None if value is None else bytes.fromhex(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not an even number of hex digits") from None


ENTROPY = click.option(
    "--entropy", metavar="HEX", callback=_parse_seed,
    help="Seed of all randomness; drawn from the system and printed by default.",
)  # fmt: skip
