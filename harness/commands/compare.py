"""The commands on differences: `diff` and `edit`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.commands.options import AS, FILE, JSON


@click.command()
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@click.option(
    "--memory", "memories", type=(FILE, FILE), metavar="A_MEMORY B_MEMORY",
    help="Compare the pages of these memory files too.",
)  # fmt: skip
@click.option(
    "--ignore", metavar="PATTERN", multiple=True,
    help="Pass over what is at paths like this; * and [*] are any one step, ** any number.",
)  # fmt: skip
@click.option("--as-a", metavar="FORMAT", help="The format to read A as.")
@click.option("--as-b", metavar="FORMAT", help="The format to read B as.")
@JSON
def diff(
    *,
    a: Path,
    b: Path,
    memories: tuple[Path, Path] | None,
    ignore: tuple[str, ...],
    as_a: str | None,
    as_b: str | None,
    as_json: bool,
) -> None:
    """Show how the state file B differs from the state file A, by field path.

    They may be of two formats. The exit status is 0 if they say the same, 1 if they differ, and 2
    if they can't be compared.
    """
    from harness.actions.diff import Snapshot, run

    memory_a, memory_b = memories or (None, None)
    old, new = Snapshot(a, as_a, memory_a), Snapshot(b, as_b, memory_b)
    sys.exit(1 if run(old, new, ignore, as_json=as_json) else 0)


@click.command()
@click.argument("file", type=FILE)
@click.argument("assignments", metavar="[PATH=VALUE]...", nargs=-1)
@click.option(
    "--delete", metavar="PATH", multiple=True,
    help="Remove this item of a list or entry of a map or register set, after all assignments.",
)  # fmt: skip
@click.option("-o", "--output", type=FILE, required=True, help="The state file to write.")
@AS
@JSON
def edit(
    *,
    file: Path,
    assignments: tuple[str, ...],
    delete: tuple[str, ...],
    output: Path,
    as_id: str | None,
    as_json: bool,
) -> None:
    """Write the state file FILE with values changed, and show what has changed.

    A PATH leads to any field, item, register or bit field; PATH[+]=VALUE appends to a list. All
    assignments are checked before anything is written, and the checksum is made anew. If the
    release that wrote FILE would not load the result, a warning says so.
    """
    from harness.actions.edit import run

    run(file, output, assignments, delete=delete, as_id=as_id, as_json=as_json)
