"""The commands that run a machine, and tell which there are: `demo`, `thaw`, `boot`, `boards`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.device_options import backing_options, device_options
from harness.commands.options import ENTROPY, FILE, JSON, run_options

if TYPE_CHECKING:
    from harness.actions.devices import BackingOptions, DeviceOptions
    from harness.actions.running import RunOptions


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
@backing_options
@run_options(max_instructions=10_000_000)
def thaw(
    *,
    file: Path,
    memory: Path | None,
    entropy: bytes | None,
    host_clock: int | None,
    foreign_gic: str,
    plan: Path | None,
    backings: BackingOptions,
    run: RunOptions,
) -> None:
    """Thaw the state file FILE with its memory file, run on, and show what happens.

    The exit status is 0 if the guest powers off, and 1 if it ends in any other way, of which there
    is a report on stderr.
    """
    from harness.actions.thaw import ThawOptions, thaw_and_run
    from harness.entropy import draw_seed

    options = ThawOptions(
        memory=memory,
        seed=draw_seed() if entropy is None else entropy,
        host_clock=host_clock,
        foreign_gic=foreign_gic,
        plan=plan,
        backings=backings,
    )
    sys.exit(thaw_and_run(file, options, run))


@click.command()
@JSON
def boards(*, as_json: bool) -> None:
    """List the boards that a machine can have."""
    from harness.actions.boards import run

    run(as_json=as_json)


@click.command()
@click.option(
    "--board", default="squib", show_default=True,
    help="What the machine consists of; `thawbench boards` lists them.",
)  # fmt: skip
@click.option(
    "--kernel", type=FILE,
    help="The kernel: an arm64 Image, a compressed one, or EFI zboot; or a flat program.",
)  # fmt: skip
@click.option("--guest", metavar="NAME", help="A bare-metal guest that comes along, as the kernel.")
@click.option("--initrd", type=FILE, help="Initial RAM disk.")
@click.option("--cpu", metavar="MODEL", help="max or cortex-a72; what the board has by default.")
@click.option("--vcpus", type=int, default=1, show_default=True, help="Number of vCPUs.")
@click.option(
    "--memory", "memory_mib", metavar="MiB", type=int, default=512, show_default=True,
    help="Guest RAM.",
)  # fmt: skip
@click.option(
    "--schedule", default="round-robin", show_default=True,
    help="Which vCPU runs when: round-robin, shuffled:SEED, or turns as VCPU:INSNS,VCPU:INSNS,…",
)  # fmt: skip
@click.option(
    "--quantum", metavar="N", type=int, default=10_000, show_default=True,
    help="Instructions of a turn; of a shuffled one, at most.",
)  # fmt: skip
@click.option("--append", "bootargs", metavar="TEXT", default="", help="Kernel command line.")
@click.option(
    "--input", "input_path", type=FILE,
    help="What arrives at the serial console, when the guest is ready for it; - is standard input. "
    "Without it a terminal's keys do.",
)  # fmt: skip
@click.option(
    "--record-input", "record_path", metavar="FILE", type=FILE,
    help="Write what arrives at the console, and when.",
)  # fmt: skip
@click.option(
    "--replay-input", "replay_path", metavar="FILE", type=FILE,
    help="Have it arrive as in a recording.",
)  # fmt: skip
@click.option(
    "--unix-time", "unix_time_s", metavar="SECONDS", type=click.IntRange(0, 2**63 - 1), default=0,
    show_default=True, help="The host's wall clock at the start, for the guest's real-time clock.",
)  # fmt: skip
@device_options
@click.option(
    "--dtb", type=FILE,
    help="Write the device tree that the guest would get, and go no further.",
)  # fmt: skip
@ENTROPY
@run_options(max_instructions=None)
def boot(
    *,
    board: str,
    kernel: Path | None,
    guest: str | None,
    initrd: Path | None,
    cpu: str | None,
    vcpus: int,
    memory_mib: int,
    schedule: str,
    quantum: int,
    bootargs: str,
    input_path: Path | None,
    record_path: Path | None,
    replay_path: Path | None,
    unix_time_s: int,
    devices: DeviceOptions,
    dtb: Path | None,
    entropy: bytes | None,
    run: RunOptions,
) -> None:
    """Boot a kernel, with its serial console on stdout, in virtual time.

    The exit status is 0 if the guest powers off, and 1 if it ends in any other way: it dies, waits
    for ever, resets the machine, or reaches a limit. Then there is a report on stderr.
    """
    from harness.actions.boot import BootOptions, boot_and_run
    from harness.actions.console_input import ConsoleOptions
    from harness.entropy import draw_seed

    if (kernel is None) == (guest is None):
        raise click.UsageError("give either --kernel FILE or --guest NAME")
    if input_path is not None and replay_path is not None:
        raise click.UsageError("give either --input or --replay-input")
    options = BootOptions(
        board=board,
        kernel=kernel,
        guest=guest,
        initrd=initrd,
        cpu_model=cpu,
        vcpu_count=vcpus,
        memory_mib=memory_mib,
        schedule=schedule,
        quantum=quantum,
        bootargs=bootargs,
        console=ConsoleOptions(
            input_path=input_path, record_path=record_path, replay_path=replay_path
        ),
        unix_time_s=unix_time_s,
        devices=devices,
        dtb=dtb,
        seed=draw_seed() if entropy is None else entropy,
    )
    sys.exit(boot_and_run(options, run))
