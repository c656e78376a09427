"""The schemas of all releases: what they are, and how the releases differ."""

from __future__ import annotations

import inspect
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.errors import DecodeError
from emu.formats.firecracker import main, v1_9, v1_9_virtio, v1_10, v1_13_resources, v1_14
from emu.formats.firecracker.releases import RELEASES as FORMATS
from emu.formats.firecracker.v1_13_resources import InnerNode, NodeState, RangeInclusive
from emu.wire import bitcode
from emu.wire.nodes import EnumNode, StructNode
from emu.wire.schema import Revision, schema_of, u32
from harness.strategies.values import values
from tests.formats.firecracker.full_value import full_value
from tests.formats.firecracker.schema_releases import RELEASES, Release
from tests.formats.firecracker.schema_tree import lines, named_types, tree

RENAMED = {v1_14.ResourceAllocator: main.ResourceAllocatorState}

# In types that have a name.
PART_SIZE_MAX = 10

each_release = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)


@each_release
def test_a_schema_is_what_the_rust_sources_declare(release: Release) -> None:
    """Names, order and types of all fields, names and order of all variants."""
    assert tree(release.schema) == release.golden


def test_every_format_is_compared_with_the_rust_sources() -> None:
    assert {form.schema for form in FORMATS} == {release.schema for release in RELEASES}


def test_no_two_releases_have_the_same_schema() -> None:
    assert all(a.golden != b.golden for a, b in pairwise(RELEASES))


@each_release
def test_a_release_declares_only_what_is_in_its_state_file(release: Release) -> None:
    """A type that nothing refers to was forgotten in the revision, or is not needed."""
    assert release.declared <= {node.cls for node in classes(release)}


def classes(release: Release) -> list[StructNode | EnumNode]:
    """Every type in a release's state file that is a class here."""
    nodes = [node for _, node in named_types(release.schema)]
    return [node for node in nodes if isinstance(node, StructNode | EnumNode)]


def replaced(release: Release) -> list[tuple[type, type]]:
    """The types of earlier releases that the release replaces, and what by."""
    earlier = {cls for older in RELEASES[: RELEASES.index(release)] for cls in older.declared}
    pairs = {(release.revision_before.latest(cls), release.revision.latest(cls)) for cls in earlier}
    return [(old, new) for old, new in pairs if old is not new]


@each_release
def test_a_replaced_type_keeps_its_name(release: Release) -> None:
    """So that it can be found again; where Rust has renamed it, the new name is Rust's."""
    renamed = {old: new for old, new in replaced(release) if old.__name__ != new.__name__}
    assert renamed.items() <= RENAMED.items()


@each_release
def test_a_replaced_type_differs_from_what_replaces_it(release: Release) -> None:
    for old, new in replaced(release):
        before, after = fields(old, release.revision_before), fields(new, release.revision)
        assert before != after, f"{new} is {old} again"


def fields(cls: Any, revision: Revision) -> list[str]:
    """The lines below the heading of a type; a type parameter is bound to u32."""
    bound = cls[u32] if getattr(cls, "__parameters__", ()) else cls
    return lines(schema_of(bound, revision))


@each_release
def test_a_type_is_declared_again_only_if_it_changed(release: Release) -> None:
    """A type of an earlier release's name stands in for it: it is not a second declaration."""
    earlier = {cls for older in RELEASES[: RELEASES.index(release)] for cls in older.declared}
    names = {cls.__name__ for cls in earlier}
    again = {cls for cls in release.declared if cls.__name__ in names}
    assert again <= {new for _, new in replaced(release)}


@each_release
def test_a_docstring_describes_no_field_that_is_not_there(release: Release) -> None:
    """An entry of `Attributes:` that names no field is left over from an older release."""
    for cls in release.declared:
        _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
        described = set(re.findall(r"^ {4}(\w+):", section, re.MULTILINE))
        assert described <= set(cls.__annotations__), cls


# --- on the wire -------------------------------------------------------------------------------


@each_release
def test_a_whole_state_survives_a_round_trip(release: Release) -> None:
    state = full_value(release.schema)
    data = bitcode.encode(release.schema, state)
    assert bitcode.decode(release.schema, data) == state


@each_release
@settings(max_examples=8)
@given(data=st.data())
def test_a_changed_part_survives_a_round_trip(release: Release, data: st.DataObject) -> None:
    """Of those that are small enough for Hypothesis; the test above has the others."""
    changed = [node for node in classes(release) if node.cls in release.declared]
    parts = [node for node in changed if len(list(named_types(node))) <= PART_SIZE_MAX]
    part = data.draw(st.sampled_from(parts))
    value = data.draw(values(part))
    assert bitcode.decode(part, bitcode.encode(part, value)) == value


def test_the_tree_of_an_allocator_survives_a_round_trip_at_any_depth() -> None:
    """A node of the tree contains nodes: each level has columns of its own."""
    node: InnerNode | None = None
    for height in range(1, 51):
        key = RangeInclusive(start=height, end=height)
        side = {"left": node, "right": None} if height % 2 else {"left": None, "right": node}
        node = InnerNode(key=key, node_state=NodeState.Allocated, height=height, **side)
    tree_of_50 = v1_13_resources.IntervalTree(root=node)
    data = bitcode.encode(v1_13_resources.IntervalTree, tree_of_50)
    assert bitcode.decode(v1_13_resources.IntervalTree, data) == tree_of_50


def test_limits_of_the_metadata_service_are_refused_from_v1_10_if_they_are_0() -> None:
    """They are `NonZeroUsize` in v1.10; in v1.9 a 0 is decoded, and restoring it panics."""
    stack = v1_9_virtio.MmdsNetworkStackState(
        mac_addr=(6, 1, 0x23, 0x45, 0x67, 1),
        ipv4_addr=0xA9FE_A9FE,
        tcp_port=80,
        max_connections=0,
        max_pending_resets=0,
    )
    schema = schema_of(v1_9_virtio.MmdsNetworkStackState, v1_9.REVISION)
    data = bitcode.encode(schema, stack)
    assert bitcode.decode(schema, data) == stack
    with pytest.raises(DecodeError, match="max_connections"):
        bitcode.decode(schema_of(v1_9_virtio.MmdsNetworkStackState, v1_10.REVISION), data)
