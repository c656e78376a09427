"""Edits of values: assignments by field path, with types and ranges checked.

>>> from emu.wire.schema import Struct, u8
>>> class Device(Struct):
...     id: str
...     irqs: list[u8]
>>> edit(Device, Device("eth0", [5]), ["id=eth1", "irqs[0]=0x20", "irqs[+]=9"], delete=["irqs[0]"])
Device(id='eth1', irqs=[9])
>>> edit(Device, Device("eth0", [5]), ["irqs[0]=256"])
Traceback (most recent call last):
emu.errors.EditError: irqs[0]: found 256, expected u8, 0 to 255
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from emu.errors import EditError
from emu.inspect.values import literals
from emu.inspect.values.lookup import inside, rebuilt, resolve, trail
from emu.inspect.values.parts import PLAIN, Naming, Part, root
from emu.inspect.values.paths import Path, parse_prefix


def edit(
    schema: Any,
    value: Any,
    assignments: Iterable[str],
    *,
    delete: Iterable[str] = (),
    naming: Naming = PLAIN,
) -> Any:
    """A copy of `value` with the assignments made, in order, and then the deletions.

    Args:
        schema: the type of `value`: a `Struct` class, an annotation or a node.
        value: the value, which stays as it is.
        assignments: each `path=value`, or `path[+]=value` for a new last item of a list; how
            values are written is in `emu.inspect.values.literals`. An entry of a map or a register
            set that is not there is added.
        delete: paths of items and entries to remove. They name what is there after the
            assignments and before any deletion.
        naming: that of the value's format.

    Raises:
        PathError: a path leads to nothing.
        EditError: a value does not fit its place, or what is there can't be removed.
    """
    whole = root(schema, value, naming)
    for assignment in assignments:
        whole = _with_value(whole, _assigned(whole, assignment))
    for path in _last_first(whole, delete):
        whole = _with_value(whole, _deleted(whole, path))
    return whole.value


def _with_value(whole: Part, value: Any) -> Part:
    return root(whole.node, value, whole.naming)


def _assigned(whole: Part, assignment: str) -> Any:
    path, text = _split(assignment)
    parts = trail(whole, path)
    return rebuilt(parts, literals.read(parts[-1], text))


def _split(assignment: str) -> tuple[Path, str]:
    path, end = parse_prefix(assignment)
    if assignment[end : end + 1] != "=":
        found = repr(assignment[end : end + 20]) if end < len(assignment) else "the end"
        raise EditError(
            f"{assignment[:80]!r} is no assignment: after the path, found {found}, expected "
            "'=' and a value"
        )
    return path, assignment[end + 1 :]


def _last_first(whole: Part, paths: Iterable[str]) -> list[Path]:
    """The proper paths, each once, in such an order that no deletion moves what the next names."""
    places = {resolve(whole, path).path: None for path in paths}
    return sorted(places, key=lambda path: _position(whole, path), reverse=True)


def _position(whole: Part, path: Path) -> list[int]:
    """Which part of its container each part on the way to `path` is."""
    return [
        [part.step for part in inside(outer, inner.step).parts()].index(inner.step)
        for outer, inner in pairwise(trail(whole, path))
    ]


def _deleted(whole: Part, path: Path) -> Any:
    parts = trail(whole, path)
    if len(parts) == 1:
        raise EditError("the root can't be removed; give the path of an item or an entry")
    outer = inside(parts[-2], path.steps[-1])
    if not outer.resizable:
        raise EditError(
            f"{path}: can't be removed from {outer.whole.kind!s:.60}; only items of lists and "
            f"entries of maps and register sets can (to clear an option, assign {literals.NONE})"
        )
    return rebuilt(parts[:-1], outer.without(path.steps[-1]))
