"""Files that the command line brings along."""

from __future__ import annotations

from importlib import resources

DEMO_SNAPSHOT = "squib-0.2-two-vcpus-mmds.snap"
"""A state file made with the Rust crates that squib uses; see the README beside it."""

FIRECRACKER_SNAPSHOT = "firecracker-1.16-two-vcpus.snap"
"""A state file of Firecracker v1.16 with devices of every kind; see the README beside it."""

NEOVERSE_ID_REGISTERS = "neoverse-id-registers.json"
"""Identification registers of Neoverse N1, V1 and V2 under KVM; see the README beside it."""


def read(name: str) -> bytes:
    """The bytes of the file called `name`."""
    return resources.files(__name__).joinpath(name).read_bytes()
