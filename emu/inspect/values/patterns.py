"""Patterns of field paths: which parts of a value to pass over.

`*` and `[*]` are any one step, `**` any number of them. What a path may leave out, a pattern may
leave out too; and it may call an entry by any of its names. A pattern that fits a part fits
everything inside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from emu.inspect.values.lookup import may_be_left_out
from emu.inspect.values.parts import Container, Part
from emu.inspect.values.paths import Step, parse_pattern

_Rest = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Matcher:
    """What is left of some patterns on the way down into a value."""

    rests: frozenset[_Rest]

    @property
    def matched(self) -> bool:
        """Whether a pattern fits the way that was gone."""
        return any(all(step.key == "**" for step in rest) for rest in self.rests)

    def into(self, container: Container, part: Part) -> Matcher:
        """The same patterns inside a part of a container."""
        rests = {after for rest in self.rests for after in _after(rest, container, part)}
        return Matcher(frozenset(rests))


def matcher(patterns: Iterable[str]) -> Matcher:
    """For the root of a value. Raises `PathError` for what is no pattern."""
    return Matcher(
        frozenset(_without_repeats(parse_pattern(pattern).steps) for pattern in patterns)
    )


def _without_repeats(steps: _Rest) -> _Rest:
    """The same pattern with no `**` behind another: any number of steps is any number."""
    return tuple(
        step
        for before, step in pairwise((Step(".", ""), *steps))
        if not before.key == step.key == "**"
    )


def _after(rest: _Rest, container: Container, part: Part) -> Iterable[_Rest]:
    """What may be left of a pattern after the step to `part`."""
    if may_be_left_out(part):
        yield rest
    if not rest:
        return
    first, *others = rest
    if first.key == "**":
        yield rest
        yield from _after(tuple(others), container, part)
    elif first.key == "*" or _leads_to(first, container, part):
        yield tuple(others)


def _leads_to(step: Step, container: Container, part: Part) -> bool:
    named = container.at(step)
    return named is not None and named.step == part.step
