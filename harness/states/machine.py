"""What a state is to be of: the VM, its host, and its devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from emu.errors import BoardError
from harness.states.releases import HugePages, Kind, Offer

HostKernel = Literal["5.10", "6.1", "6.18"]
Cpu = Literal["neoverse-n1", "neoverse-v1", "neoverse-v2"]
Bus = Literal["mmio", "pci"]

HOST_KERNELS: Final[tuple[HostKernel, ...]] = ("5.10", "6.1", "6.18")
CPUS: Final[tuple[Cpu, ...]] = ("neoverse-n1", "neoverse-v1", "neoverse-v2")

VCPU_COUNT_MAX: Final = 32
MEMORY_MIN_MIB: Final = 64
MEMORY_MAX_MIB: Final = 1022 << 10
BELOW_MMIO64_MIB: Final = 254 << 10
"""RAM from 2 GiB to 256 GiB, where device memory begins; what is more follows at 512 GiB."""

DEFAULT_COUNTS: Final[Mapping[Kind, int]] = {
    "balloon": 1,
    "block": 2,
    "net": 2,
    "pmem": 1,
    "vsock": 1,
    "entropy": 1,
    "mem": 1,
    "serial": 1,
}
"""Devices of a VM that has something of everything."""

COUNT_MAX: Final[Mapping[Kind, int]] = {
    **dict.fromkeys(DEFAULT_COUNTS, 1),
    "block": 8,
    "net": 8,
    "pmem": 4,
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A VM as it was configured, and its host.

    Attributes:
        counts: how many devices there are of each kind.
        bus: what the virtio devices are on.
        mmds: whether the first network device reaches the metadata service.
        huge_pages: what RAM is made of.
    """

    vcpus: int = 2
    memory_mib: int = 512
    kernel: HostKernel = "6.1"
    cpu: Cpu = "neoverse-n1"
    bus: Bus = "mmio"
    counts: Mapping[Kind, int] = field(default_factory=lambda: DEFAULT_COUNTS)
    mmds: bool = True
    huge_pages: HugePages = "None"

    def count(self, kind: Kind) -> int:
        """How many devices there are of a kind."""
        return self.counts.get(kind, 0)


def default_counts(offer: Offer, memory_mib: int, huge_pages: HugePages) -> dict[Kind, int]:
    """All kinds of devices that a VMM can have together."""
    kinds = offer.kinds - _left_out(offer, memory_mib, huge_pages)
    return {kind: count for kind, count in DEFAULT_COUNTS.items() if kind in kinds}


def _left_out(offer: Offer, memory_mib: int, huge_pages: HugePages) -> set[Kind]:
    """What is not to be had with such RAM.

    Firecracker places RAM above 512 GiB and memory devices there without a look at each other.
    """
    left_out: set[Kind] = set()
    if memory_mib > BELOW_MMIO64_MIB:
        left_out |= {"pmem", "mem"}
    if huge_pages != "None" and not offer.huge_balloon:
        left_out.add("balloon")
    return left_out


def check(machine: Machine, offer: Offer, format_id: str) -> None:
    """Raise `BoardError` for what the VMM can't be configured as."""
    _check_size(machine)
    for kind, count in machine.counts.items():
        if count and kind not in offer.kinds:
            raise BoardError(f"{format_id} has no {kind} devices; leave them out")
        if not 0 <= count <= COUNT_MAX[kind]:
            raise BoardError(f"{count} {kind} devices: expected 0 to {COUNT_MAX[kind]}")
    if machine.bus == "pci" and not offer.pci:
        raise BoardError(f"{format_id} has no PCI bus; take the MMIO bus")
    if machine.huge_pages not in offer.huge_pages:
        expected = ", ".join(offer.huge_pages)
        raise BoardError(f"{format_id} has huge pages {expected}; not {machine.huge_pages}")
    for kind in _left_out(offer, machine.memory_mib, machine.huge_pages):
        if machine.count(kind):
            raise BoardError(
                f"{format_id} can't have {kind} devices with {machine.memory_mib} MiB of RAM of "
                f"huge pages {machine.huge_pages}; leave them out"
            )


def _check_size(machine: Machine) -> None:
    if not 1 <= machine.vcpus <= VCPU_COUNT_MAX:
        raise BoardError(f"{machine.vcpus} vCPUs: expected 1 to {VCPU_COUNT_MAX}")
    if not MEMORY_MIN_MIB <= machine.memory_mib <= MEMORY_MAX_MIB:
        raise BoardError(
            f"{machine.memory_mib} MiB of RAM: expected {MEMORY_MIN_MIB} to {MEMORY_MAX_MIB}"
        )
    if machine.huge_pages != "None" and machine.memory_mib % 2:
        raise BoardError(f"{machine.memory_mib} MiB of RAM are no whole number of 2 MiB pages")
