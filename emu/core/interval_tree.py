"""Ranges of addresses, free or handed out, in a balanced tree.

The tree is that of the crate vm-allocator 0.1.3 and 0.1.4 (`allocation_engine/interval_tree.rs`),
node for node: Firecracker saves it as it stands, and its shape tells the order in which ranges
were handed out and given back. Every node is a range; together they are the whole address space.

Trees are values: what changes one gives a new one.

>>> tree = split(Node(0, 0xFFF), 0xFF0, 0xFFF)
>>> [(hex(node.first), node.allocated) for node in nodes(tree)]
[('0x0', False), ('0xff0', True)]
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Node:
    """A range of addresses, and the ranges below and above it.

    Attributes:
        first: the first address.
        last: the last address.
        left: ranges of lower addresses.
        right: ranges of higher addresses.
        height: levels from here down; 1 for a leaf.
    """

    first: int
    last: int
    allocated: bool = False
    left: Node | None = None
    right: Node | None = None
    height: int = 1

    @property
    def size_bytes(self) -> int:
        """How many addresses the range has."""
        return self.last - self.first + 1


def nodes(tree: Node | None) -> Iterator[Node]:
    """All nodes in ascending order of addresses."""
    if tree is not None:
        yield from nodes(tree.left)
        yield tree
        yield from nodes(tree.right)


def find(tree: Node | None, first: int, last: int) -> Node | None:
    """The node whose range has all addresses from `first` to `last`; None if none has."""
    while tree is not None and not (tree.first <= first and last <= tree.last):
        tree = tree.left if last < tree.first else tree.right
    return tree


def split(tree: Node, first: int, last: int) -> Node:
    """The tree in which the addresses from `first` to `last`, all in one free node, are taken."""
    node = find(tree, first, last)
    assert node is not None
    if (node.first, node.last) == (first, last):
        return _mark_allocated(tree, first)
    rest = _delete(tree, node.first)
    if node.first < first:
        rest = _insert(rest, Node(node.first, first - 1))
    rest = _insert(rest, Node(first, last, allocated=True))
    if last < node.last:
        rest = _insert(rest, Node(last + 1, node.last))
    return rest


def merge(tree: Node, first: int, last: int) -> Node:
    """The tree in which an allocated node is free, and one with its free neighbours.

    A neighbour of a single address is left alone: the crate looks for two.
    """
    rest = _delete(tree, first)
    below = find(rest, first - 2, first - 1)
    above = find(rest, last + 1, last + 2)
    if below is not None and not below.allocated:
        rest, first = _delete(rest, below.first), below.first
    if above is not None and not above.allocated:
        rest, last = _delete(rest, above.first), above.last
    return _insert(rest, Node(first, last))


# --- balance -----------------------------------------------------------------------------------


def _height(tree: Node | None) -> int:
    return tree.height if tree is not None else 0


def _with(node: Node, left: Node | None, right: Node | None) -> Node:
    """The node with other subtrees, in which nothing is rotated."""
    height = max(_height(left), _height(right)) + 1
    return replace(node, left=left, right=right, height=height)


def _balanced(node: Node, left: Node | None, right: Node | None) -> Node:
    """The node with other subtrees, whose heights differ by two at most."""
    difference = _height(left) - _height(right)
    if difference > 1:
        assert left is not None
        if _height(left.left) < _height(left.right):
            left = _rotated_left(left)
        return _rotated_right(_with(node, left, right))
    if difference < -1:
        assert right is not None
        if _height(right.left) > _height(right.right):
            right = _rotated_right(right)
        return _rotated_left(_with(node, left, right))
    return _with(node, left, right)


def _rotated_left(node: Node) -> Node:
    root = node.right
    assert root is not None
    return _with(root, _with(node, node.left, root.left), root.right)


def _rotated_right(node: Node) -> Node:
    root = node.left
    assert root is not None
    return _with(root, root.left, _with(node, root.right, node.right))


# --- changes -----------------------------------------------------------------------------------


def _insert(tree: Node | None, node: Node) -> Node:
    if tree is None:
        return node
    if tree.first < node.first:
        return _balanced(tree, tree.left, _insert(tree.right, node))
    return _balanced(tree, _insert(tree.left, node), tree.right)


def _delete(tree: Node | None, first: int) -> Node | None:
    """Without the node that begins at `first`."""
    assert tree is not None
    if tree.first < first:
        return _balanced(tree, tree.left, _delete(tree.right, first))
    if tree.first > first:
        return _balanced(tree, _delete(tree.left, first), tree.right)
    if tree.left is None or tree.right is None:
        return tree.left or tree.right
    root, rest = _without_least(tree.right)
    return _balanced(root, tree.left, rest)


def _without_least(tree: Node) -> tuple[Node, Node | None]:
    """The node of the lowest addresses, and the tree without it."""
    if tree.left is None:
        return tree, tree.right
    least, rest = _without_least(tree.left)
    return least, _balanced(tree, rest, tree.right)


def _mark_allocated(tree: Node, first: int) -> Node:
    if tree.first == first:
        return replace(tree, allocated=True)
    if tree.first < first:
        assert tree.right is not None
        return replace(tree, right=_mark_allocated(tree.right, first))
    assert tree.left is not None
    return replace(tree, left=_mark_allocated(tree.left, first))
