"""Nothing is lost in silence: of every value of a state it is known what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.formats import registry
from emu.formats.firecracker.releases import RELEASES
from emu.inspect.convert import Conversion, chain, transformed
from emu.inspect.convert.tree import Leaf, places, tree_of, value_of
from emu.inspect.convert.work import Work
from emu.wire.nodes import StructNode
from harness.states import realistic_state
from harness.states.machine import Bus

State = Callable[..., Any]

BUSES: tuple[Bus, ...] = ("mmio", "pci")
WAYS: list[tuple[str, str, Bus]] = [
    (source.id, target.id, bus)
    for older, newer in pairwise(RELEASES)
    for source, target in ((older, newer), (newer, older))
    for bus in BUSES
    if bus == "mmio" or "PciDevicesState" in source.types()
]

DERIVED = (
    # told from the devices by whoever needs it
    r"\.resource_allocator\b",
    # kept by setting the queue's next_avail back
    r"\.rx_buffers_state\b",
    # of the memory file, whose layout is told by the sizes
    r"\.memory_state\.regions\[\d+\]\.offset$",
    # built into v1.11
    r"\.mmds_ns\.max_(connections|pending_resets)$",
    # the same for all devices of Firecracker
    r"\.bar_configuration\.(size|idx|region_type|prefetchable)$",
    r"\.bars\[\d\]\.(type|used)$",
    r"\.rom_bar_(addr|size|used)$",
    # told from the base address registers
    r"\.bars\.bars\[\d\]\.about_to_be_read$",
    r"\.bar_address$",
    # told by which of the variants there is
    r"\.pci_enabled$",
    # told from whether the device is active
    r"\.pending_event_ack$",
)
"""Values that have no place in the other release because it tells them from others."""


@pytest.mark.parametrize(("from_id", "to_id", "bus"), WAYS)
def test_every_value_is_kept_or_lost_or_derived(
    from_id: str, to_id: str, bus: str, state: State
) -> None:
    """A value that is none of these has a default which says nothing."""
    source, target = registry.get(from_id), registry.get(to_id)
    node = next(field.node for field in source.schema.fields if field.name == "data")
    assert isinstance(node, StructNode)
    work = Work(node, state(from_id, bus).data)
    parts = places(work.data, "data")
    values = {path: part.value for path, part in parts if isinstance(part, Leaf)}
    chain.bring(work, source, target)
    kept = {part.origin for _, part in places(work.data) if isinstance(part, Leaf)}
    lost = {loss.path for loss in work.losses}
    for path, value in values.items():
        around = {path[: end.start()] for end in re.finditer(r"\.|\[|::|$", path)}
        known = path in kept or around & lost or _matches(path)
        assert known or says_nothing(value), f"{path} = {value} is gone in silence"


def says_nothing(value: Any) -> bool:
    """None, false, nothing, and the defaults of regions of RAM."""
    return not value or value in ("Dram", [True])


def _matches(path: str) -> bool:
    return any(re.search(pattern, path) for pattern in DERIVED)


# --- by changing values ------------------------------------------------------------------------


def _other(value: Any) -> Any:
    """Another value of the same type; None for those that are left alone."""
    match value:
        case bool():
            return not value
        case int():
            return value - 1 if value else 1
        case [int() as first, *rest]:
            return [_other(first), *rest]
        case bytes() if value:
            return bytes([value[0] ^ 1, *value[1:]])
    return None


@cache
def _unchanged(from_id: str, to_id: str, bus: Bus) -> Conversion:
    return transformed(_small(from_id, bus), registry.get(from_id), registry.get(to_id))


@cache
def _small(format_id: str, bus: Bus) -> Any:
    return realistic_state(format_id, vcpus=1, transport=bus)


@given(st.sampled_from(WAYS), st.integers(0, 1 << 16))
def test_a_value_that_changes_shows_in_what_comes_out(
    way: tuple[str, str, Bus], number: int
) -> None:
    """In the target's state, or in the losses."""
    from_id, to_id, bus = way
    source, target = registry.get(from_id), registry.get(to_id)
    tree = tree_of(source.schema, _small(from_id, bus))
    leaves = [
        (path, part)
        for path, part in places(tree)
        if isinstance(part, Leaf) and path.startswith("data.") and _other(part.value) is not None
    ]
    path, leaf = leaves[number % len(leaves)]
    if path.endswith(".device_type") or _matches(path):
        return
    leaf.value = _other(leaf.value)
    changed = value_of(source.schema, tree)
    before, after = _unchanged(*way), transformed(changed, source, target)
    assert (before.snapshot.data, before.losses) != (after.snapshot.data, after.losses), path
