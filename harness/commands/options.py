"""Arguments and options that several commands have."""

from __future__ import annotations

import math
from collections.abc import Callable
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


_Command = Callable[..., None]
_Decorator = Callable[[_Command], _Command]

_DEVICES: tuple[_Decorator, ...] = (
    click.option(
        "--drive", "drives", metavar="ID=FILE[,…]", multiple=True,
        help="A disk: FILE, which stays as it is, behind a virtio-blk device. Behind a comma: "
        "`root` (the kernel mounts it), `ro`, `write` (writes go to FILE), `unsafe` (no flushes).",
    ),
    click.option(
        "--net", "nets", metavar="ID[,…]", multiple=True,
        help="A virtio-net device. Behind a comma: `mac=MAC`, `mtu=BYTES`, `ip=ADDRESS` of a peer "
        "that answers, `record=FILE` and `play=FILE` (pcap).",
    ),
    click.option(
        "--vsock", metavar="CID[,PORT=WHAT]…",
        help="A vsock, and what listens on ports of the host: `echo`, `discard`, `file:FILE`, "
        "`feed:FILE`.",
    ),
    click.option("--rng", "has_rng", is_flag=True, help="A virtio-rng device."),
    click.option(
        "--balloon", metavar="MIB[,…]",
        help="A balloon of so many MiB. Behind a comma: `deflate-on-oom`, `stats=SECONDS`.",
    ),
    click.option(
        "--boot-timer", "has_boot_timer", is_flag=True,
        help="Where the guest tells that it has booted, as an event.",
    ),
)  # fmt: skip
_DEVICE_NAMES = ("drives", "nets", "vsock", "has_rng", "balloon", "has_boot_timer")


def device_options(command: _Command) -> _Command:
    """Options of a command that makes a machine, which gets them as one argument: `devices`."""

    @wraps(command)
    def collected(**arguments: Any) -> None:
        from harness.actions.devices import DeviceOptions
        from harness.device_options import parse_balloon, parse_drive, parse_net, parse_vsock

        given = {name: arguments.pop(name) for name in _DEVICE_NAMES}
        vsock, balloon = given["vsock"], given["balloon"]
        devices = DeviceOptions(
            drives=tuple(map(parse_drive, given["drives"])),
            nets=tuple(map(parse_net, given["nets"])),
            vsock=None if vsock is None else parse_vsock(vsock),
            has_rng=given["has_rng"],
            balloon=None if balloon is None else parse_balloon(balloon),
            has_boot_timer=given["has_boot_timer"],
        )
        command(devices=devices, **arguments)

    done: _Command = collected
    for option in reversed(_DEVICES):
        done = option(done)
    return done


_RUN: tuple[_Decorator, ...] = (
    click.option(
        "--max-time", "max_time_s", metavar="SECONDS", type=click.FloatRange(0, 1e9),
        callback=_finite, help="End the run after so much virtual time.",
    ),
    click.option(
        "--events", metavar="FILE", type=FILE,
        help="Write every event as a line of JSON; - is standard output.",
    ),
    click.option(
        "--trace", metavar="[FILE]", type=FILE, is_flag=False, flag_value="-",
        help="Write every instruction, disassembled; to standard output by default.",
    ),
    click.option(
        "--trace-from", metavar="CYCLES", type=click.IntRange(min=0), default=0,
        help="Trace from this virtual time on.",
    ),
    click.option(
        "--trace-last", metavar="N", type=click.IntRange(0, 1_000_000), default=0,
        help="Trace, and show the last N lines in the report.",
    ),
    click.option(
        "--symbols", metavar="ELF", type=FILE, multiple=True,
        help="Names for addresses: an ELF file, or a table such as System.map. May be repeated.",
    ),
    click.option(
        "--json", "as_json", is_flag=True,
        help="Print how it ended, and all that there is to know, as JSON.",
    ),
    click.option(
        "--status/--no-status", default=None,
        help="Show how far the run is, on a terminal; by default unless keys go to the guest.",
    ),
)  # fmt: skip
_RUN_NAMES = (
    "max_instructions", "max_time_s", "events", "trace", "trace_from", "trace_last", "symbols",
    "as_json", "status",
)  # fmt: skip


def run_options(*, max_instructions: int | None) -> _Decorator:
    """Options of a command that runs a guest, which gets them as one argument: `run`.

    Args:
        max_instructions: the limit by default; None for none.
    """
    limit: _Decorator = click.option(
        "--max-insns", "max_instructions", metavar="N", type=click.IntRange(min=0),
        default=max_instructions, show_default=max_instructions is not None,
        help="End the run after so many instructions.",
    )  # fmt: skip

    def decorate(command: _Command) -> _Command:
        @wraps(command)
        def collected(**arguments: Any) -> None:
            from harness.actions.running import RunOptions

            run = RunOptions(**{name: arguments.pop(name) for name in _RUN_NAMES})
            if run.stdout_users > 1:
                raise click.UsageError(
                    "--events -, --trace and --json print to standard output: "
                    "name files for all but one of them"
                )
            command(run=run, **arguments)

        done: _Command = collected
        for option in reversed((limit, *_RUN)):
            done = option(done)
        return done

    return decorate
