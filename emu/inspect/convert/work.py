"""A state on its way to another release, and the record of what happened to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emu.inspect.convert.tree import Fields, Leaf, Tree, inner, places, plain, tree_of
from emu.wire.nodes import StructNode


@dataclass(frozen=True, slots=True)
class Loss:
    """What the target can't keep.

    Attributes:
        path: where it is in the source.
        value: as plain JSON data.
        why: why it can't be kept.
        effect: what the guest notices, or the host.
    """

    path: str
    value: Any
    why: str
    effect: str


@dataclass(frozen=True, slots=True)
class Addition:
    """What the target needs and the source has not.

    Attributes:
        path: where it is in the target.
        value: as plain JSON data.
        why: where the value comes from.
    """

    path: str
    value: Any
    why: str


@dataclass(frozen=True, slots=True)
class Change:
    """A value that says the same as before in another way, or makes up for something else.

    Attributes:
        path: where it is in the source.
        old: as plain JSON data.
        new: as plain JSON data.
        why: what makes it right.
    """

    path: str
    old: Any
    new: Any
    why: str


class Work:
    """A state between two releases.

    Attributes:
        data: the state, whose path is "data".
        release: the release that it is being brought to at present, in words.
    """

    def __init__(self, node: StructNode, state: Any) -> None:
        self.data = _tree(node, state)
        self.release = ""
        self._untouched = dict(places(_tree(node, state), "data"))
        self._losses: list[Loss] = []
        self._added: list[tuple[Tree, str]] = []
        self._changed: dict[int, tuple[Leaf, str]] = {}

    def lose(self, part: Tree, effect: str, why: str = "") -> None:
        """Record that a part is given up. What was not in the source is no loss."""
        origin = part.origin
        if origin is not None:
            value = plain(self._untouched.get(origin, part))
            why = why or f"{self.release} has no place for it"
            self._losses.append(Loss(origin, value, why, effect))
            return
        for _, inside in inner(part):
            self.lose(inside, effect, why)

    def add(self, part: Tree, why: str) -> Tree:
        """Record that a part was not in the source; returns it."""
        self._added.append((part, why))
        return part

    def change(self, leaf: Leaf, value: Any, why: str) -> None:
        """Give a leaf another value."""
        if leaf.value != value:
            _, before = self._changed.get(id(leaf), (leaf, ""))
            self._changed[id(leaf)] = (leaf, f"{before}; {why}" if before else why)
        leaf.value = value

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What could not be kept; what is inside something that is lost is not told again."""
        lost = {loss.path for loss in self._losses}
        return tuple(loss for loss in self._losses if lost.isdisjoint(_around(loss.path)))

    def additions(self, root: Tree) -> tuple[Addition, ...]:
        """What was added and is still there, by its place below `root`.

        What is inside something that was added is not told again.
        """
        paths = {id(part): path for path, part in places(root)}
        there = [(paths[id(part)], part, why) for part, why in self._added if id(part) in paths]
        added = {path for path, _, _ in there}
        return tuple(
            Addition(path, plain(part), why)
            for path, part, why in there
            if added.isdisjoint(_around(path))
        )

    def changes(self, root: Tree) -> tuple[Change, ...]:
        """What was rewritten and is still there below `root`."""
        there = {id(part) for _, part in places(root)}
        return tuple(
            Change(leaf.origin, plain(self._untouched[leaf.origin]), plain(leaf), why)
            for leaf, why in self._changed.values()
            if leaf.origin is not None and id(leaf) in there
        )


def _tree(node: StructNode, state: Any) -> Fields:
    tree = tree_of(node, state, "data")
    assert isinstance(tree, Fields)
    return tree


def _around(path: str) -> Iterator[str]:
    """The paths of what is around the part at a path."""
    return (path[: mark.start()] for mark in re.finditer(r"\.|\[|::", path))


def moves(root: Tree) -> Iterator[tuple[str, str]]:
    """Old and new path of each part that is elsewhere than it was.

    What is inside goes with it, and is told again only if it has moved by itself.
    """
    return _moves(root, "", None)


def _moves(tree: Tree, path: str, expected: str | None) -> Iterator[tuple[str, str]]:
    if isinstance(tree, Fields) and tree.variant:
        path += f"::{tree.variant}"
        expected = expected and f"{expected}::{tree.variant}"
    if tree.origin not in (None, path, expected):
        yield str(tree.origin), path
    for step, part in inner(tree):
        with_it = None if tree.origin is None else f"{tree.origin}{step}"
        yield from _moves(part, f"{path}{step}".removeprefix("."), with_it)


# --- places ------------------------------------------------------------------------------------


def find(tree: Tree, path: str) -> Tree | None:
    """The part at a dotted path of field names below `tree`; None if there is none.

    Variants of enums are not named.
    """
    for name in path.split("."):
        found = tree.fields.get(name) if isinstance(tree, Fields) else None
        if found is None:
            return None
        tree = found
    return tree


def leaf(tree: Tree, path: str) -> Leaf:
    """The leaf at a path that is known to lead to one."""
    found = find(tree, path)
    assert isinstance(found, Leaf), path
    return found


def fields(tree: Tree, path: str) -> Fields:
    """The struct at a path that is known to lead to one."""
    found = find(tree, path)
    assert isinstance(found, Fields), path
    return found


def take(parent: Fields, path: str) -> Tree | None:
    """Remove what is at a path, with the structs around it that are empty then, and return it."""
    name, _, rest = path.partition(".")
    if not rest:
        return parent.fields.pop(name, None)
    within = parent.fields.get(name)
    if not isinstance(within, Fields):
        return None
    taken = take(within, rest)
    if not within.fields:
        del parent.fields[name]
    return taken


def put(parent: Fields, path: str, part: Tree) -> None:
    """Put a part at a path, with structs around it where there are none."""
    *outer, name = path.split(".")
    for step in outer:
        within = parent.fields.setdefault(step, Fields({}))
        assert isinstance(within, Fields), path
        parent = within
    parent.fields[name] = part
