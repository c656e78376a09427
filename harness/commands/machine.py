"""The commands that run a machine: `demo` and `thaw`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.commands.options import ENTROPY, FILE


@click.command()
@click.option(
    "-o", "--output", type=FILE, default=Path(), show_default="this folder",
    help="Folder for the snapshot that the demonstration takes.",
)  # fmt: skip
@ENTROPY
def demo(output: Path, entropy: bytes | None) -> None:
    """Boot a guest, freeze it, thaw it, run on, and check what came of it.

    The exit status is 0 if every property holds, and 1 if one is broken.
    """
    from harness.actions.demo import run
    from harness.entropy import draw_seed

    sys.exit(run(output, draw_seed() if entropy is None else entropy))


@click.command()
@click.argument("file", type=FILE)
@click.option("--memory", type=FILE, help="Memory file; FILE with the suffix .mem by default.")
@ENTROPY
@click.option(
    "--host-clock", metavar="CYCLES", type=click.IntRange(min=0),
    help="The host's clock now; what it was at the freeze by default.",
)  # fmt: skip
@click.option(
    "--gic", "foreign_gic", type=click.Choice(["refuse", "reset"]), default="refuse",
    show_default=True, help="What to do about a GIC state that was not made here.",
)  # fmt: skip
@click.option("--plan", type=FILE, help="Restore plan in TOML, in place of squib's own.")
@click.option(
    "--max-insns", type=click.IntRange(min=0), default=10_000_000, show_default=True,
    help="Stop after so many instructions.",
)  # fmt: skip
def thaw(
    *,
    file: Path,
    memory: Path | None,
    entropy: bytes | None,
    host_clock: int | None,
    foreign_gic: str,
    plan: Path | None,
    max_insns: int,
) -> None:
    """Thaw the state file FILE with its memory file, run on, and show what happens."""
    from harness.actions.thaw import ThawOptions, run
    from harness.entropy import draw_seed

    options = ThawOptions(
        memory=memory,
        seed=draw_seed() if entropy is None else entropy,
        host_clock=host_clock,
        foreign_gic=foreign_gic,
        plan=plan,
        max_instructions=max_insns,
    )
    sys.exit(run(file, options))
