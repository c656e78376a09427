"""The checks are total: whatever a state says, they raise nothing but their own errors."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.formats.firecracker import releases
from emu.formats.format import Format
from harness.strategies.values import values
from tests.formats.firecracker.any_value import any_value
from tests.formats.firecracker.states import RELEASES, acceptable, inside, struct_named

PARTS = ("vm_info", "vcpu_states", "vm_state", "device_states")

seeds = st.integers(0, (1 << 64) - 1)


@settings(max_examples=10)
@pytest.mark.parametrize("release", releases.RELEASES, ids=lambda release: release.id)
@given(seed=seeds)
def test_any_value_is_examined(release: Format, seed: int) -> None:
    snapshot = any_value(release.schema, Random(seed))
    loading, found = release.examine(release.encode(snapshot))
    assert loading.state == snapshot.data
    assert all(problem.check in release.loader for problem in found)


@settings(max_examples=20)
@pytest.mark.parametrize("name", RELEASES)
@given(part=st.sampled_from(PARTS), seed=seeds)
def test_any_part_of_an_acceptable_state_is_examined(name: str, part: str, seed: int) -> None:
    built = acceptable(name)
    kept = getattr(built.state, part)
    value = any_value(inside(built.release.schema, "data", part), Random(seed))
    setattr(built.state, part, [value] if isinstance(kept, list) else value)
    loading, _ = built.release.examine(built.release.encode(built.snapshot))
    assert loading.state == built.state


@settings(max_examples=20)
@pytest.mark.parametrize("name", ["1.9", "1.13", "main"])
@given(data=st.data())
def test_any_virtio_device_is_examined(name: str, data: st.DataObject) -> None:
    built = acceptable(name)
    virtio = data.draw(values(struct_named(built.release, "VirtioDeviceState")))
    built.mmio.block_devices[0].device_state.virtio_state = virtio
    loading, _ = built.release.examine(built.release.encode(built.snapshot))
    assert loading.state == built.state
