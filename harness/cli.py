"""The command `thawbench`.

Each command imports what it needs when it runs: reading a state file never loads Unicorn. Errors
made on purpose, and files that can't be read or written, are one line on stderr and exit status 2.
"""

from __future__ import annotations

import io
import sys
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import click

from emu.errors import ThawbenchError
from harness.text import printable

PROGRAM = "thawbench"


class CommandError(click.ClickException):
    """What ends a command: one line on stderr, exit status 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, on one line whatever it holds."""
        click.echo(f"{PROGRAM}: error: {printable(self.message)}", err=True, file=file)


class CommandGroup(click.Group):
    """Commands that report errors as this project does."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        _speak_utf8(sys.stdout)
        _speak_utf8(sys.stderr)
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise  # the reader has gone; click ends quietly
        except ThawbenchError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise CommandError(f"{where}{error.strerror or error}") from error
        return result


def _speak_utf8(stream: IO[str]) -> None:
    """Write UTF-8 whatever the locale: Windows' code pages lack most of what a file can hold."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"{PROGRAM} {_version()}")
        ctx.exit()


def _version() -> str:
    try:
        return metadata.version(PROGRAM)
    except metadata.PackageNotFoundError:
        return "(run from its source, not installed)"


FILE = click.Path(path_type=Path)


@click.group(cls=CommandGroup)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
    help="Show the version and exit.",
)  # fmt: skip
def main() -> None:
    """Freeze, thaw and break microVM snapshots, with no hypervisor."""


@main.command()
@click.argument("file", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def describe(file: Path, as_json: bool) -> None:
    """Show what is in the state file FILE, and whether squib would load it.

    Of a damaged file, what can be told is shown all the same; the exit status is then 2.
    """
    from harness import files

    files.describe(file, as_json=as_json)


@main.command()
@click.argument("file", type=FILE)
def dump(file: Path) -> None:
    """Print the whole value of the state file FILE as JSON.

    Checksum and encoding must be right; what the value says is not judged.
    """
    from harness import files

    files.dump(file)


@main.command()
@click.argument("value", metavar="JSON", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="The state file to write.")
def build(value: Path, output: Path) -> None:
    """Write the state file of a value in JSON, as `dump` prints it; `-` is standard input."""
    from harness import files

    files.build(value, output)


def _parse_seed(_ctx: click.Context, _option: click.Parameter, value: str | None) -> bytes | None:
    try:
        return None if value is None else bytes.fromhex(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not an even number of hex digits") from None


ENTROPY = click.option(
    "--entropy", metavar="HEX", callback=_parse_seed,
    help="Seed of all randomness; drawn from the system and printed by default.",
)  # fmt: skip


@main.command()
@click.option(
    "-o", "--output", type=FILE, default=Path(), show_default="this folder",
    help="Folder for the snapshot that the demonstration takes.",
)  # fmt: skip
@ENTROPY
def demo(output: Path, entropy: bytes | None) -> None:
    """Boot a guest, freeze it, thaw it, run on, and check what came of it.

    The exit status is 0 if every property holds, and 1 if one is broken.
    """
    from harness import demo as demonstration
    from harness.entropy import draw_seed

    sys.exit(demonstration.run(output, draw_seed() if entropy is None else entropy))


@main.command("thaw")
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
def thaw_command(
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
    from harness import thawing
    from harness.entropy import draw_seed

    options = thawing.ThawOptions(
        memory=memory,
        seed=draw_seed() if entropy is None else entropy,
        host_clock=host_clock,
        foreign_gic=foreign_gic,
        plan=plan,
        max_instructions=max_insns,
    )
    sys.exit(thawing.run(file, options))
