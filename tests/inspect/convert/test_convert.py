"""Conversions as a whole: what goes in, what comes out, and what is told of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.errors import IncompatibleError, SnapshotError
from emu.formats import registry
from emu.formats.firecracker.releases import RELEASES
from emu.formats.format import Format
from emu.inspect.convert import Conversion, convert
from emu.inspect.convert.tree import Leaf, places, tree_of
from harness.states import random_state

State = Callable[..., Any]

IDS = st.sampled_from([release.id for release in RELEASES])
SEEDS = st.integers(0, (1 << 32) - 1)
UPWARD = [
    (older.id, newer.id, bus)
    for older, newer in pairwise(RELEASES)
    for bus in ("mmio", "pci")
    if bus == "mmio" or "PciDevicesState" in older.types()
]

# Found out again from the rest of the state, or of no meaning.
DERIVED = re.compile(
    r"data\.vm_state\.resource_allocator\b"
    r"|\.rx_buffers_state\b"
    r"|\.pci_configuration_state\.(registers|writable_bits)$"
)


def leaves(release: Format, snapshot: Any) -> dict[str, Any]:
    """The values of a state by path."""
    tree = tree_of(release.schema, snapshot)
    return {
        path: part.value
        for path, part in places(tree)
        if isinstance(part, Leaf) and path != "header.version"
    }


def told(*conversions: Conversion) -> set[str]:
    """Where something is not as before, in one of the conversions; of lists, the whole list."""
    paths: set[str] = set()
    for conversion in conversions:
        paths |= {loss.path for loss in conversion.losses}
        paths |= {change.path for change in conversion.changes}
        paths |= {addition.path for addition in conversion.additions}
    return paths | {path.rpartition("[")[0] for path in paths if path.endswith("]")}


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.id)
def test_to_the_same_release_is_the_state_itself(release: Format, state: State) -> None:
    snapshot = state(release.id)
    result = convert(snapshot, release, release)
    assert result.snapshot == snapshot
    assert (result.losses, result.additions, result.changes, result.moves) == ((), (), (), ())


@given(IDS, IDS, SEEDS)
def test_the_target_loads_it_and_the_way_back_gives_what_was_not_told_of(
    from_id: str, to_id: str, seed: int
) -> None:
    """A value is as before unless a loss, an addition or a change names it or what it is in."""
    source, target = registry.get(from_id), registry.get(to_id)
    before = random_state(from_id, Random(seed))
    there = convert(before, source, target)
    assert target.load(target.encode(there.snapshot)) == there.snapshot
    assert there.same_memory_file
    back = convert(there.snapshot, target, source)
    old, new = leaves(source, before), leaves(source, back.snapshot)
    named = told(there, back)
    for path in old.keys() | new.keys():
        if old.get(path) != new.get(path) and not DERIVED.search(path):
            around = {path[: end.start()] for end in re.finditer(r"\.|\[|::|$", path)}
            assert around & named, f"{path}: {old.get(path)} -> {new.get(path)}"


@pytest.mark.parametrize(("from_id", "to_id", "bus"), UPWARD)
def test_nothing_is_lost_on_the_way_to_the_next_release(
    from_id: str, to_id: str, bus: str, state: State
) -> None:
    """A newer release has a place for all that an older one writes, one of every device.

    Not for a received frame that is half delivered; the states here have none.
    """
    result = convert(state(from_id, bus), registry.get(from_id), registry.get(to_id))
    assert result.losses == ()


def test_every_loss_says_where_what_why_and_what_the_guest_notices(state: State) -> None:
    source, target = registry.get("firecracker-main"), registry.get("firecracker-1.9")
    result = convert(state(source.id), source, target)
    known = dict(places(tree_of(source.schema, state(source.id))))
    assert len(result.losses) > 10
    for loss in result.losses:
        assert loss.path in known
        assert loss.why
        assert loss.effect


def test_additions_are_where_they_say(state: State) -> None:
    source, target = registry.get("firecracker-1.9"), registry.get("firecracker-main")
    result = convert(state(source.id), source, target)
    there = dict(places(tree_of(target.schema, result.snapshot)))
    assert len(result.additions) > 10
    assert all(addition.path in there and addition.why for addition in result.additions)


def test_moves_lead_from_the_source_to_the_target(state: State) -> None:
    source, target = registry.get("firecracker-1.12"), registry.get("firecracker-main")
    result = convert(state(source.id), source, target)
    old = dict(places(tree_of(source.schema, state(source.id))))
    new = dict(places(tree_of(target.schema, result.snapshot)))
    assert ("data.memory_state", "data.vm_state.memory") not in {
        (move.path, move.new_path) for move in result.moves
    }
    assert ("data.acpi_dev_state", "data.device_states.acpi_state") in {
        (move.path, move.new_path) for move in result.moves
    }
    assert all(move.path in old and move.new_path in new for move in result.moves)


def test_what_the_source_itself_refuses_is_not_converted(state: State) -> None:
    snapshot = state("firecracker-1.14")
    snapshot.data.vcpu_states.clear()
    with pytest.raises(SnapshotError, match="vCPU"):
        convert(snapshot, registry.get("firecracker-1.14"), registry.get("firecracker-1.15"))


def test_what_the_target_would_refuse_is_not_converted(state: State) -> None:
    """v1.16 is stricter: it takes no vCPU with a PMU."""
    snapshot = state("firecracker-1.15")
    kvi = snapshot.data.vcpu_states[0].kvi
    snapshot.data.vcpu_states[0].kvi = kvi[:4] + bytes([kvi[4] | 8]) + kvi[5:]
    source, target = registry.get("firecracker-1.15"), registry.get("firecracker-1.16")
    with pytest.raises(IncompatibleError, match=r"1\.15 accepts .*1\.16 would refuse .*PMU"):
        convert(snapshot, source, target)


@pytest.mark.parametrize("to_squib", [False, True])
def test_squib_is_told_to_be_another_world(to_squib: bool, state: State) -> None:
    squib, firecracker = registry.get("squib-0.2"), registry.get("firecracker-1.16")
    source, target = (firecracker, squib) if to_squib else (squib, firecracker)
    with pytest.raises(IncompatibleError, match=r"squib-0\.2 can't be converted.*Apple"):
        convert(state(source.id), source, target)
