"""What is booted: boards, kernels, numbers of vCPUs and CPU models, all or enough of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations, product
from typing import TypeVar

BOARDS = ("squib", "firecracker")
OTHER_RELEASES = ("firecracker-1.9",)
"""Whose boards are other ones to a guest: addresses, interrupts and the interrupt controller."""
VCPUS = (1, 2, 4)
CPUS = ("max", "cortex-a72")
CHEAP_CPU = "cortex-a72"
"""Without pointer authentication a boot takes half of the time, and devices know nothing of it."""
VCPUS_WITH_DEVICES = (1, 2)
MOMENTS = (("rootfs", "eth0"), ("eth0", "vsock"), ("rootfs", "vsock"))
"""Which virtio devices have something in flight when a machine is frozen."""
LATENCIES_US = (0, 50)
"""Virtual time until a virtio device sees a notification: none, or as of an event loop."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One machine and its kernel, by name."""

    board: str
    vcpus: int
    kernel: str
    cpu: str

    def __str__(self) -> str:
        return "-".join(map(str, astuple(self)))


Chosen = TypeVar("Chosen", bound=Configuration)


@dataclass(frozen=True, slots=True)
class DeviceConfiguration(Configuration):
    """One with virtio devices, and their latency."""

    latency_us: int

    def __str__(self) -> str:
        return f"{'-'.join(map(str, astuple(self)))}us"


@dataclass(frozen=True, slots=True)
class FrozenConfiguration(Configuration):
    """One that is frozen, and what is in flight in these devices then."""

    busy: tuple[str, ...]

    def __str__(self) -> str:
        return "-".join((self.board, str(self.vcpus), self.kernel, self.cpu, *self.busy))


def everything(kernels: Iterable[str], boards: Iterable[str] = BOARDS) -> list[Configuration]:
    """Every choice with every other."""
    return [Configuration(*choices) for choices in product(boards, VCPUS, kernels, CPUS)]


def everything_with_devices(
    kernels: Iterable[str], boards: Iterable[str] = BOARDS, cpus: Iterable[str] = CPUS
) -> list[DeviceConfiguration]:
    """Every choice with every other, of machines with virtio devices."""
    choices = product(boards, VCPUS_WITH_DEVICES, kernels, cpus, LATENCIES_US)
    return [DeviceConfiguration(*chosen) for chosen in choices]


def everything_frozen(kernels: Iterable[str]) -> list[FrozenConfiguration]:
    """Every kernel at every moment; where most is in flight, under the latest kernel, is first."""
    choices = product(reversed([*kernels]), MOMENTS)
    return [FrozenConfiguration("squib", 1, kernel, CHEAP_CPU, busy) for kernel, busy in choices]


def enough(configurations: Sequence[Chosen]) -> list[Chosen]:
    """So many of them that every two choices that meet in one of them meet in one of these.

    A fault that depends on two choices, such as this board with four vCPUs, is so found in a
    fraction of the time.
    """
    missing = set[tuple[object, ...]]().union(*map(_pairs, configurations))
    chosen: list[Chosen] = []
    while missing:
        best = max(configurations, key=lambda each: len(_pairs(each) & missing))
        chosen.append(best)
        missing -= _pairs(best)
    return chosen


def _pairs(configuration: Configuration) -> set[tuple[object, ...]]:
    """Every two choices, with what they are of."""
    return set(combinations(enumerate(astuple(configuration)), 2))
