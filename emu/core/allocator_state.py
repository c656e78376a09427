"""Allocators as plain data: what serde makes of those of the crate vm-allocator, and back.

The names are those of vm-allocator 0.1.3 and 0.1.4 (`id_allocator.rs`, `address_allocator.rs`,
`allocation_engine/interval_tree.rs`), which Firecracker saves as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from emu.core.allocator import AddressAllocator, GsiAllocator
from emu.core.interval_tree import Node, nodes
from emu.errors import IncompatibleError

Data = Mapping[str, Any]
"""What serde_json prints of a struct."""

_U32: Final = (1 << 32) - 1
_HEIGHT_MAX: Final = 64
"""A balanced tree of this height would have more nodes than there are addresses."""


def gsis_to_data(allocator: GsiAllocator) -> dict[str, Any]:
    """The crate's `IdAllocator`."""
    return {
        "range_base": allocator.gsis.start,
        "next_id": allocator.following if allocator.following <= _U32 else None,
        "range_end": allocator.gsis.stop - 1,
        "freed_ids": list(allocator.freed),
    }


def gsis_from_data(data: Data) -> GsiAllocator:
    """The allocator that was saved like this.

    Raises:
        IncompatibleError: it is none that the crate can have saved.
    """
    gsis = range(data["range_base"], data["range_end"] + 1)
    following = gsis.stop if data["next_id"] is None else data["next_id"]
    if not gsis.start <= following <= gsis.stop:
        raise IncompatibleError(
            f"an allocator of the numbers {gsis.start} to {gsis.stop - 1} has {following} as its "
            "next; expected one of them, or the one after"
        )
    freed = sorted(set(data["freed_ids"]))
    if freed and not gsis.start <= freed[0] <= freed[-1] < following:
        raise IncompatibleError(
            f"an allocator has the numbers {freed[0]} to {freed[-1]} again; it has handed out "
            f"{gsis.start} to {following - 1}"
        )
    allocator = GsiAllocator(gsis)
    allocator.following, allocator.freed = following, freed
    return allocator


def addresses_to_data(allocator: AddressAllocator) -> dict[str, Any]:
    """The crate's `AddressAllocator`."""
    return {
        "address_space": {"start": allocator.base, "end": allocator.end - 1},
        "interval_tree": {"root": tree_to_data(allocator.tree)},
    }


def addresses_from_data(data: Data) -> AddressAllocator:
    """The allocator that was saved like this.

    Raises:
        IncompatibleError: its ranges are not the whole space, or its tree is not balanced.
    """
    first, last = data["address_space"]["start"], data["address_space"]["end"]
    allocator = AddressAllocator(first, last + 1 - first)
    allocator.tree = _tree_from_data(data["interval_tree"]["root"], _HEIGHT_MAX)
    at = first
    for node in nodes(allocator.tree):
        if node.first != at or node.last < node.first:
            raise IncompatibleError(
                f"a range of addresses is {node.first:#x} to {node.last:#x}; expected one from "
                f"{at:#x} on"
            )
        at = node.last + 1
    if at != last + 1:
        raise IncompatibleError(f"ranges of addresses end below {at:#x}; expected {last + 1:#x}")
    return allocator


def tree_to_data(node: Node | None) -> dict[str, Any] | None:
    """The crate's `InnerNode`, and all below it."""
    if node is None:
        return None
    return {
        "key": {"start": node.first, "end": node.last},
        "node_state": "Allocated" if node.allocated else "Free",
        "left": tree_to_data(node.left),
        "right": tree_to_data(node.right),
        "height": node.height,
    }


def _tree_from_data(data: Data | None, height_max: int) -> Node | None:
    if data is None:
        return None
    if not height_max:
        raise IncompatibleError(
            f"a tree of addresses has more than {_HEIGHT_MAX} levels; expected it balanced"
        )
    left = _tree_from_data(data["left"], height_max - 1)
    right = _tree_from_data(data["right"], height_max - 1)
    below = [child.height if child else 0 for child in (left, right)]
    if data["height"] != max(below) + 1 or abs(below[0] - below[1]) > 1:
        raise IncompatibleError(
            f"the range of addresses from {data['key']['start']:#x} has a height of "
            f"{data['height']} above trees of {below[0]} and {below[1]}; expected it balanced"
        )
    return Node(
        first=data["key"]["start"],
        last=data["key"]["end"],
        allocated=data["node_state"] == "Allocated",
        left=left,
        right=right,
        height=data["height"],
    )
