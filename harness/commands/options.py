"""Arguments and options that several commands have."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

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


def _finite(_ctx: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number of seconds")
    return value


Command = Callable[..., None]
Decorator = Callable[[Command], Command]


def gather(
    argument: str, options: Mapping[str, Decorator], make: Callable[[dict[str, Any]], object]
) -> Decorator:
    """A group of options, of which the command gets one value.

    Args:
        argument: the name of the command's argument.
        options: the options, by the names of their values.
        make: makes the command's value of those.
    """

    def decorate(command: Command) -> Command:
        @wraps(command)
        def gathered(**arguments: Any) -> None:
            given = {name: arguments.pop(name) for name in options}
            command(**{argument: make(given)}, **arguments)

        done: Command = gathered
        for option in reversed(list(options.values())):
            done = option(done)
        return done

    return decorate


_RUN: dict[str, Decorator] = {
    "max_time_s": click.option(
        "--max-time", "max_time_s", metavar="SECONDS", type=click.FloatRange(0, 1e9),
        callback=_finite, help="End the run after so much virtual time.",
    ),
    "events": click.option(
        "--events", metavar="FILE", type=FILE,
        help="Write every event as a line of JSON; - is standard output.",
    ),
    "trace": click.option(
        "--trace", metavar="[FILE]", type=FILE, is_flag=False, flag_value="-",
        help="Write every instruction, disassembled; to standard output by default.",
    ),
    "trace_from": click.option(
        "--trace-from", metavar="CYCLES", type=click.IntRange(min=0), default=0,
        help="Trace from this virtual time on.",
    ),
    "trace_last": click.option(
        "--trace-last", metavar="N", type=click.IntRange(0, 1_000_000), default=0,
        help="Trace, and show the last N lines in the report.",
    ),
    "symbols": click.option(
        "--symbols", metavar="ELF", type=FILE, multiple=True,
        help="Names for addresses: an ELF file, or a table such as System.map. May be repeated.",
    ),
    "as_json": click.option(
        "--json", "as_json", is_flag=True,
        help="Print how it ended, and all that there is to know, as JSON.",
    ),
    "status": click.option(
        "--status/--no-status", default=None,
        help="Show how far the run is, on a terminal; by default unless keys go to the guest.",
    ),
}  # fmt: skip


def run_options(*, max_instructions: int | None) -> Decorator:
    """Options of a command that runs a guest, which gets them as one argument: `run`.

    Args:
        max_instructions: the limit by default; None for none.
    """
    limit: Decorator = click.option(
        "--max-insns", "max_instructions", metavar="N", type=click.IntRange(min=0),
        default=max_instructions, show_default=max_instructions is not None,
        help="End the run after so many instructions.",
    )  # fmt: skip
    return gather("run", {"max_instructions": limit, **_RUN}, _run)


def _run(given: dict[str, Any]) -> object:
    from harness.actions.running import RunOptions

    run = RunOptions(**given)
    if run.stdout_users > 1:
        raise click.UsageError(
            "--events -, --trace and --json print to standard output: "
            "name files for all but one of them"
        )
    return run
