"""The command `thawbench`.

The commands are in `harness.commands`, by subject. Each imports what it needs when it runs:
reading a state file never loads Unicorn. Errors
made on purpose, and files that can't be read or written, are one line on stderr and exit status 2.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import IO, Any

import click

from emu.errors import ThawbenchError
from harness.commands import compare, generate, machine, state
from harness.commands.convert import convert
from harness.commands.memory import memory
from harness.report.output import PROGRAM
from harness.report.text import printable


class CommandError(click.ClickException):
    """What ends a command: one line on stderr, exit status 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message, on one line whatever it holds."""
        click.echo(f"{PROGRAM}: error: {printable(self.message)}", err=True, file=file)


class CommandGroup(click.Group):
    """Commands that report errors as this project does."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line; answers `--help` and `--version` as well."""
        with _ending_well():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the chosen command."""
        _speak_utf8(sys.stdout)
        _speak_utf8(sys.stderr)
        with _ending_well():
            try:
                return super().invoke(ctx)
            finally:
                if sys.stdout:  # there may be none
                    sys.stdout.flush()


@contextmanager
def _ending_well() -> Iterator[None]:
    """End as a command should, whatever happens: 1 is the exit status of a no, and of no error."""
    try:
        yield
    except BrokenPipeError:
        _give_up_stdout()
        sys.exit(_READER_GONE)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except click.UsageError as error:
        if type(error).show is not click.UsageError.show:  # help, where nothing was asked for
            raise
        command = error.ctx.command_path if error.ctx else PROGRAM
        message = error.format_message().removesuffix(".")
        raise CommandError(f"{message} (see `{command} --help`)") from error
    except ThawbenchError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        _give_up_stdout()
        where = f"{error.filename}: " if error.filename else ""
        raise CommandError(f"{where}{error.strerror or error}") from error


# As a shell tells of a process that SIGPIPE or SIGINT has ended.
_READER_GONE = 128 + 13
_INTERRUPTED = 128 + 2


def _give_up_stdout() -> None:
    """Lose what stdout did not take, or Python would try again at its end, and complain."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        sys.stdout = io.StringIO()


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


@click.group(cls=CommandGroup)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
    help="Show the version and exit.",
)  # fmt: skip
def main() -> None:
    """Freeze, thaw and break microVM snapshots, with no hypervisor."""


for command in (
    state.formats,
    machine.boards,
    state.describe,
    state.verify,
    compare.diff,
    compare.edit,
    state.dump,
    state.build,
    convert,
    memory,
    generate.sample,
    generate.corpus,
    machine.demo,
    machine.thaw,
    machine.boot,
):
    main.add_command(command)
