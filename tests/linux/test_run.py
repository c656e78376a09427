"""A run in a process of its own tells everything that makes it this run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import firmware
from tests.linux.run import Outcome, Setup, run


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    """One of our own guests, which takes no notice of its RAM disk."""
    folder = tmp_path_factory.mktemp("setup")
    (folder / "Image").write_bytes(firmware.load("heartbeat").image)
    (folder / "busybox").write_bytes(b"one")
    return Setup(
        board="squib",
        cpu="max",
        vcpus=1,
        kernel=str(folder / "Image"),
        busybox=str(folder / "busybox"),
        ram_mib=272,
    )


@pytest.fixture(scope="module")
def outcome(setup: Setup) -> Outcome:
    return run(setup)


def test_a_run_in_another_process_is_the_same(setup: Setup, outcome: Outcome) -> None:
    assert outcome.stop == "SYSTEM_OFF"
    assert outcome.console.endswith("tick 12\nbye\n")
    assert outcome.answers == {}
    assert Outcome.of(setup) == outcome


def test_a_byte_of_ram_is_the_only_difference_that_a_trace_shows(
    setup: Setup, outcome: Outcome, tmp_path: Path
) -> None:
    """What a guest does not look at changes RAM, and nothing that it does."""
    (tmp_path / "busybox").write_bytes(b"two")
    other = run(replace(setup, busybox=str(tmp_path / "busybox"))).trace
    assert {name for name in other if other[name] != outcome.trace[name]} == {"ram_sha256"}


def test_another_processor_is_seen_in_the_trace(setup: Setup, outcome: Outcome) -> None:
    assert run(replace(setup, cpu="cortex-a72")).trace["vcpus"] != outcome.trace["vcpus"]
