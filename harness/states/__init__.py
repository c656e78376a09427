"""Realistic states: what a VMM writes of a Linux that has booted and runs."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from emu.formats import registry
from emu.formats.squib import FORMAT as SQUIB
from harness.states import firecracker, squib
from harness.states.machine import (
    COUNT_MAX,
    CPUS,
    HOST_KERNELS,
    Bus,
    Cpu,
    HostKernel,
    Machine,
    check,
    default_counts,
)
from harness.states.releases import HugePages, Kind, Offer, Release, release_of


def realistic_state(
    format_id: str,
    *,
    seed: int = 0,
    vcpus: int = 2,
    memory_mib: int = 512,
    host_kernel: HostKernel = "6.1",
    cpu: Cpu = "neoverse-n1",
    transport: Bus = "mmio",
    devices: Mapping[Kind, int] | None = None,
    mmds: bool = True,
    huge_pages: HugePages = "None",
) -> Any:
    """A `Snapshot` that the format's loader accepts; the same for the same arguments.

    Args:
        format_id: squib-0.2 or a release of Firecracker.
        seed: what is not determined by the others follows from it.
        vcpus: 1 to 32.
        memory_mib: RAM, 64 MiB to 1022 GiB.
        host_kernel: whose registers the vCPUs have, and in which order; squib has its own.
        cpu: the host's processor, which its identification registers tell; not on squib.
        transport: what the virtio devices are on.
        devices: how many there are of each kind; None for all kinds that the VMM has.
        mmds: whether there is a metadata service.
        huge_pages: what the host makes RAM of.

    Raises `UnknownFormatError`, or `BoardError` for what the VMM can't be configured as.
    """
    offer = offer_of(format_id)
    counts = default_counts(offer, memory_mib, huge_pages) if devices is None else devices
    machine = Machine(vcpus, memory_mib, host_kernel, cpu, transport, counts, mmds, huge_pages)
    check(machine, offer, format_id)
    return _snapshot(format_id, offer, machine, Random(seed))


def random_state(format_id: str, random: Random) -> Any:
    """As `realistic_state`, of a machine that is drawn too; most are small."""
    offer = offer_of(format_id)
    memory_mib = 2 * random.choice([32, 64, 256, random.randrange(32, 4096), 150 << 10])
    huge_pages = random.choice(offer.huge_pages)
    counts = default_counts(offer, memory_mib, huge_pages)
    machine = Machine(
        vcpus=random.choice([1, 1, 2, 2, random.randrange(3, 33)]),
        memory_mib=memory_mib,
        kernel=random.choice(HOST_KERNELS),
        cpu=random.choice(CPUS),
        bus=random.choice(["mmio", "pci"]) if offer.pci else "mmio",
        counts={kind: random.randrange(COUNT_MAX[kind] // 2 + 2) for kind in counts},
        mmds=bool(random.randrange(2)),
        huge_pages=huge_pages,
    )
    return _snapshot(format_id, offer, machine, random)


def offer_of(format_id: str) -> Offer:
    """What the VMM of a format can be configured as; raises `UnknownFormatError`."""
    form = registry.get(format_id)
    return squib.OFFER if form is SQUIB else release_of(form.id)


def _snapshot(format_id: str, offer: Offer, machine: Machine, random: Random) -> Any:
    if isinstance(offer, Release):
        return firecracker.snapshot(registry.get(format_id), offer, machine, random)
    return squib.snapshot(machine, random)
