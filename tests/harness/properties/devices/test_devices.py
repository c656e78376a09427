"""Every device that is registered passes every property."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.properties.devices import CHECKS, DEVICES, DeviceUnderTest, check_freeze_anywhere
from harness.properties.devices.bench import Bench
from harness.properties.devices.checks import ACTIONS, is_at_work

EXAMPLES = max(2, settings().max_examples // 50)
"""Each takes some tenths of a second."""

SEEDS = st.integers(0, 1 << 32)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("dut", DEVICES, ids=str)
@settings(max_examples=EXAMPLES)
@given(seed=SEEDS)
def test_a_device_passes(dut: DeviceUnderTest, name: str, seed: int) -> None:
    CHECKS[name](dut, seed)


@pytest.mark.parametrize("dut", DEVICES, ids=str)
@settings(max_examples=EXAMPLES)
@given(seed=SEEDS, only=st.integers(0, ACTIONS - 1))
def test_a_device_passes_one_freeze(dut: DeviceUnderTest, seed: int, only: int) -> None:
    """Where there are many, one may undo what another does."""
    check_freeze_anywhere(dut, seed, only=only)


@pytest.mark.parametrize("dut", DEVICES, ids=str)
def test_a_driver_makes_its_device_work(dut: DeviceUnderTest) -> None:
    """Or the properties say nothing of it: most of what it does is answered by a living device."""
    assert all(is_at_work(Bench(dut), seed) for seed in range(5))


def test_devices_have_names_of_their_own() -> None:
    names = [dut.name for dut in DEVICES]
    assert len(set(names)) == len(names)
