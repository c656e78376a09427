"""`thawbench memory`: the commands on memory files."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.commands.options import AS, FILE, JSON

STATE = click.option(
    "--state", type=FILE, help="State file that says which guest address each byte has."
)
PAGE_SIZES_BYTES = {"4K": 4 << 10, "16K": 16 << 10, "64K": 64 << 10, "2M": 2 << 20}


@click.group()
def memory() -> None:
    """Look at memory files, compare them, lay diffs onto their base."""


@memory.command()
@click.argument("file", type=FILE)
@STATE
@AS
@click.option("--extents", is_flag=True, help="List where there is data.")
@JSON
def info(
    *, file: Path, state: Path | None, as_id: str | None, extents: bool, as_json: bool
) -> None:
    """Show size, data, holes and pages of the memory file FILE.

    With a state file, also the memory regions, and whether FILE is long enough for them; if it is
    not, the exit status is 2.
    """
    from harness.actions import memory as memory_files

    layout = memory_files.layout_of_state(state, as_id)
    memory_files.info(file, layout, list_extents=extents, as_json=as_json)


@memory.command()
@click.argument("base", type=FILE)
@click.argument("diffs", metavar="DIFF...", type=FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=FILE, help="Write the result here and leave BASE as it is.")
@click.option(
    "--scan", is_flag=True,
    help="For diffs that have lost their holes: take blocks of zeros for holes. A page that the "
    "guest has cleared is then left as it was.",
)  # fmt: skip
@JSON
def rebase(
    *, base: Path, diffs: tuple[Path, ...], output: Path | None, scan: bool, as_json: bool
) -> None:
    """Lay each DIFF, in the order in which they were taken, onto BASE.

    BASE is replaced when the result is complete, or not at all.
    """
    from harness.actions import memory as memory_files

    memory_files.rebase(base, diffs, output, scan=scan, as_json=as_json)


@memory.command()
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@STATE
@AS
@click.option(
    "--page-size", type=click.Choice(list(PAGE_SIZES_BYTES)), default="4K", show_default=True,
    help="Size of the pages that are compared.",
)  # fmt: skip
@JSON
def diff(
    *, a: Path, b: Path, state: Path | None, as_id: str | None, page_size: str, as_json: bool
) -> None:
    """List the pages in which the memory files A and B differ.

    The exit status is 0 if they are equal, 1 if they differ, and 2 if they can't be compared.
    """
    from harness.actions import memory as memory_files

    layout = memory_files.layout_of_state(state, as_id)
    page_size_bytes = PAGE_SIZES_BYTES[page_size]
    sys.exit(1 if memory_files.diff(a, b, layout, page_size_bytes, as_json=as_json) else 0)
