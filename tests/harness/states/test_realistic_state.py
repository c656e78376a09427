"""Realistic states as a whole: who accepts them, and what they depend on."""

from __future__ import annotations

import gc
from itertools import product
from random import Random
from typing import Any

import pytest

from emu.errors import BoardError, UnknownFormatError
from emu.formats import registry
from harness.states import offer_of, random_state, realistic_state
from harness.states.machine import COUNT_MAX, CPUS, HOST_KERNELS
from harness.states.releases import RELEASES

FORMATS = ["squib-0.2", *RELEASES]
formats = pytest.mark.parametrize("format_id", FORMATS)


def problem_of(format_id: str, snapshot: Any) -> object:
    """What the loader has against the file of a snapshot."""
    form = registry.get(format_id)
    problem = form.verdict(form.encode(snapshot)).problem
    return problem and problem.error


def buses(format_id: str) -> list[Any]:
    return ["mmio", "pci"] if offer_of(format_id).pci else ["mmio"]


def test_there_is_one_of_each_built_in_format() -> None:
    assert {form.id for form in registry.BUILT_IN} == set(FORMATS)


@formats
def test_the_loader_accepts_any_host_and_bus(format_id: str) -> None:
    for bus, kernel, (vcpus, cpu) in product(
        buses(format_id), HOST_KERNELS, zip([1, 2, 3], CPUS, strict=True)
    ):
        snapshot = realistic_state(
            format_id, seed=vcpus, vcpus=vcpus, host_kernel=kernel, cpu=cpu, transport=bus
        )
        assert problem_of(format_id, snapshot) is None


@formats
def test_the_loader_accepts_the_largest_and_the_smallest(format_id: str) -> None:
    """32 vCPUs and all devices that can be had, in the least RAM; one vCPU, no device, 1022 GiB."""
    offer = offer_of(format_id)
    for bus in buses(format_id):
        largest = realistic_state(
            format_id,
            vcpus=32,
            memory_mib=64,
            transport=bus,
            devices={kind: COUNT_MAX[kind] for kind in offer.kinds},
        )
        smallest = realistic_state(
            format_id, vcpus=1, memory_mib=1022 << 10, transport=bus, devices={}, mmds=False
        )
        assert problem_of(format_id, largest) is None
        assert problem_of(format_id, smallest) is None


@formats
def test_the_loader_accepts_all_huge_pages(format_id: str) -> None:
    for huge_pages in offer_of(format_id).huge_pages:
        snapshot = realistic_state(format_id, huge_pages=huge_pages)
        assert problem_of(format_id, snapshot) is None


@formats
def test_the_loader_accepts_random_ones(format_id: str) -> None:
    for seed in range(8):
        assert problem_of(format_id, random_state(format_id, Random(seed))) is None


@formats
def test_it_depends_on_the_arguments_alone(format_id: str) -> None:
    assert realistic_state(format_id, seed=1) == realistic_state(format_id, seed=1)
    assert realistic_state(format_id, seed=1) != realistic_state(format_id, seed=2)


@formats
def test_no_two_places_share_an_object_that_can_change(format_id: str) -> None:
    """So an edit of one place never shows in another."""
    seen: set[int] = set()
    left: list[Any] = [realistic_state(format_id, vcpus=2)]
    keep_alive = []
    while left:
        value = left.pop()
        if isinstance(value, list | dict) or hasattr(value, "__dataclass_fields__"):
            assert id(value) not in seen
            seen.add(id(value))
        keep_alive.append(value)
        if not isinstance(value, str | bytes | int | type):
            left += [part for part in gc.get_referents(value) if not isinstance(part, type)]


@pytest.mark.parametrize(
    ("format_id", "arguments", "message"),
    [
        ("firecracker-1.9", {"vcpus": 0}, "0 vCPUs: expected 1 to 32"),
        ("firecracker-1.9", {"vcpus": 33}, "33 vCPUs: expected 1 to 32"),
        ("firecracker-1.9", {"memory_mib": 63}, "63 MiB of RAM: expected 64 to"),
        ("firecracker-1.12", {"transport": "pci"}, "firecracker-1.12 has no PCI bus"),
        ("firecracker-1.13", {"devices": {"pmem": 1}}, "firecracker-1.13 has no pmem devices"),
        ("firecracker-1.16", {"devices": {"vsock": 2}}, "2 vsock devices: expected 0 to 1"),
        ("firecracker-1.16", {"huge_pages": "Transparent"}, "has huge pages None, 2M"),
        ("firecracker-1.16", {"huge_pages": "2M", "memory_mib": 65}, "no whole number of 2 MiB"),
        (
            "firecracker-1.13",
            {"huge_pages": "2M", "devices": {"balloon": 1}},
            "can't have balloon devices",
        ),
        (
            "firecracker-1.16",
            {"memory_mib": 300 << 10, "devices": {"pmem": 1}},
            "can't have pmem devices",
        ),
        ("squib-0.2", {"devices": {"mem": 1}}, "squib-0.2 has no mem devices"),
    ],
)
def test_what_can_not_be_configured_is_refused(
    format_id: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(BoardError, match=message):
        realistic_state(format_id, **arguments)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UnknownFormatError, match=r"'firecracker-0\.1' is not a known format"):
        realistic_state("firecracker-0.1")
