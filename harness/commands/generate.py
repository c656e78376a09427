"""The commands that make state files up: `sample` and `corpus`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.commands.options import FILE, JSON

if TYPE_CHECKING:
    from harness.states.machine import Bus, Cpu, HostKernel


FORMAT = click.option(
    "--format", "format_id", metavar="FORMAT", required=True,
    help="What to write, for example firecracker-1.14; `thawbench formats` lists them.",
)  # fmt: skip
SEED = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True,
    help="Another seed gives other files, the same seed the same ones.",
)  # fmt: skip


@click.command()
@FORMAT
@click.option("--vcpus", type=click.IntRange(1, 32), default=2, show_default=True)
@click.option(
    "--memory-mib", type=int, default=512, show_default=True, help="Guest RAM, 64 MiB and more."
)
@click.option(
    "--host-kernel", type=click.Choice(["5.10", "6.1", "6.18"]), default="6.1", show_default=True,
    help="The Linux whose KVM lists the registers.",
)  # fmt: skip
@click.option(
    "--cpu", type=click.Choice(["neoverse-n1", "neoverse-v1", "neoverse-v2"]),
    default="neoverse-n1", show_default=True, help="The host's processor.",
)  # fmt: skip
@click.option(
    "--transport", type=click.Choice(["mmio", "pci"]), default="mmio", show_default=True,
    help="What virtio devices are on.",
)  # fmt: skip
@SEED
@click.option("-o", "--output", type=FILE, required=True, help="The state file to write.")
@JSON
def sample(
    *,
    format_id: str,
    vcpus: int,
    memory_mib: int,
    host_kernel: HostKernel,
    cpu: Cpu,
    transport: Bus,
    seed: int,
    output: Path,
    as_json: bool,
) -> None:
    """Write a state file such as a release writes of a Linux that has booted.

    It has all kinds of devices that the release knows, and its loader accepts it. squib has
    registers and devices of its own: only --vcpus, --memory-mib and --seed matter there.
    """
    from harness.actions.sample import run
    from harness.states import realistic_state

    snapshot = realistic_state(
        format_id,
        seed=seed,
        vcpus=vcpus,
        memory_mib=memory_mib,
        host_kernel=host_kernel,
        cpu=cpu,
        transport=transport,
    )
    run(output, format_id, snapshot, as_json=as_json)


@click.command()
@FORMAT
@click.option(
    "--count", type=click.IntRange(min=1), default=100, show_default=True, help="How many files."
)
@SEED
@click.option("-o", "--output", type=FILE, required=True, help="The folder to write them to.")
@JSON
def corpus(*, format_id: str, count: int, seed: int, output: Path, as_json: bool) -> None:
    """Write state files that a loader can be fuzzed with: valid, at the limits, and damaged.

    Beside each file is the verdict of the release's loader, as JSON. The checksum is right
    unless it is what is damaged.
    """
    from harness.actions.corpus import run

    run(output, format_id, count=count, seed=seed, as_json=as_json)
