"""A run in a process of its own tells everything that makes it this run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import firmware
from tests.linux.run import Outcome, Setup


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """One of our own guests, which takes no notice of its RAM disk."""
    (tmp_path / "Image").write_bytes(firmware.load("heartbeat").image)
    (tmp_path / "busybox").write_bytes(b"one")
    return Setup(
        board="squib",
        cpu="max",
        vcpus=1,
        kernel=str(tmp_path / "Image"),
        busybox=str(tmp_path / "busybox"),
        threads="",
    )


def test_a_run_is_told_and_another_one_is_the_same(setup: Setup) -> None:
    outcome = Outcome.of(setup)
    assert outcome.stop == "SYSTEM_OFF"
    assert outcome.console.endswith("tick 12\nbye\n")
    assert outcome.answers == {}
    assert Outcome.of(setup) == outcome


def test_a_byte_of_ram_is_the_only_difference_that_a_trace_shows(setup: Setup) -> None:
    """What a guest does not look at changes RAM, and nothing that it does."""
    trace = Outcome.of(setup).trace
    Path(setup.busybox).write_bytes(b"two")
    other = Outcome.of(setup).trace
    assert {name for name in trace if trace[name] != other[name]} == {"ram_sha256"}


def test_another_processor_is_seen_in_the_trace(setup: Setup) -> None:
    trace, other = (Outcome.of(replace(setup, cpu=cpu)).trace for cpu in ("max", "cortex-a72"))
    assert trace["vcpus"] != other["vcpus"]
