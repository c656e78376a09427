"""From a path to the value it names, and from a changed part to a changed whole.

Some steps may be left out: `data` at the root, and the variant of an enum where it is the one that
is present.

>>> from emu.inspect.values.parts import root
>>> from emu.wire.schema import Struct, u8
>>> class Disk(Struct):
...     id: str
...     queues: list[u8]
>>> disk = root(Disk, Disk("rootfs", [1, 2]))
>>> part = resolve(disk, "queues[1]")
>>> part.value, str(part.node)
(2, 'u8')
>>> resolve(disk, "queue[1]")
Traceback (most recent call last):
emu.errors.PathError: queue[1]: the root has no queue; did you mean queues?; there are id, queues
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from emu.errors import PathError
from emu.inspect.values.containers import bit_fields_of, container_of, walk
from emu.inspect.values.parts import ABSENT, Container, Part
from emu.inspect.values.paths import Path, Step, parse

_ROOT_FIELD = Path((Step(".", "data"),))
"""The field of a snapshot that paths may leave out: everything but the header is in it."""

_NAMES_SHOWN_MAX = 12
_SIMILAR = 0.7
"""How much alike two names must be (`difflib`) for one to be a misspelling of the other."""


def resolve(root: Part, path: str | Path) -> Part:
    """The part at `path`; raises `PathError` if there is none, and says what there is instead."""
    parts = trail(root, path)
    if parts[-1].value is ABSENT:
        raise _missing(str(path), parts[-2], parts[-1].step)
    return parts[-1]


def trail(root: Part, path: str | Path) -> list[Part]:
    """The root and every part on the way to `path`; the last may be `ABSENT`.

    Raises `PathError` if there is no such place.
    """
    steps = parse(path).steps if isinstance(path, str) else path.steps
    found = [root]
    for count, step in enumerate(steps, start=1):
        way = next(_ways(found[-1], step), None)
        if way is None or (way[-1].value is ABSENT and count < len(steps)):
            raise _missing(str(path), found[-1], step)
        found += way
    return found


def rebuilt(parts: list[Part], value: Any) -> Any:
    """A copy of the root of a `trail` with `value` in place of its last part."""
    for outer, inner in reversed(list(pairwise(parts))):
        value = inside(outer, inner.step).put(inner.step, value)
    return value


def inside(whole: Part, step: Step) -> Container:
    """What a step that leads somewhere goes into."""
    container = _container(whole, step)
    assert container is not None, f"{whole.path} has no {step}"
    return container


def may_be_left_out(part: Part) -> bool:
    """Whether a path may go on with what is inside `part` without naming it."""
    return part.step.mark == "::" or part.path == _ROOT_FIELD


def _container(whole: Part, step: Step) -> Container | None:
    return bit_fields_of(whole) if step.mark == ":" else container_of(whole)


def _ways(here: Part, step: Step) -> Iterator[list[Part]]:
    """The parts that `step` may lead to, each after those that the path left out."""
    container = _container(here, step)
    part = container.at(step) if container else None
    if part:
        yield [part]
    for outer in _left_out(here):
        yield from ([outer, *way] for way in _ways(outer, step))


def _left_out(here: Part) -> Iterator[Part]:
    """The parts that a path may leave out."""
    container = container_of(here)
    for part in container.parts() if container else ():
        if may_be_left_out(part):
            yield part


# --- messages ----------------------------------------------------------------------------------


def _missing(path: str, here: Part, step: Step) -> PathError:
    where = str(here.path) or "the root"
    name = str(step).removeprefix(".")
    return PathError(f"{path}: {where} {_why_not(here, step, name)}")


def _why_not(here: Part, step: Step, name: str) -> str:
    container = _container(here, step)
    if container is None:
        return _why_closed(here, step)
    names = [str(part.step).removeprefix(".") for part in _visible(container)]
    if not names:
        return f"has no {name}: it is empty"
    if len(names) > 1 and all(isinstance(part.step.key, int) for part in container.parts()):
        return f"has no {name}; it has {len(names)}, {names[0]} to {names[-1]}"
    suggestion = _suggestion(name, names) or _further_down(here, step)
    return f"has no {name}{suggestion}; there {_listed(names)}"


def _why_closed(here: Part, step: Step) -> str:
    if step.mark == ":":
        return f"is {here.node!s:.60}, of which no bit fields are known"
    if here.value is None:
        return f"is none, so there is no {step} in it"
    return f"is {here.node!s:.60}, which has no parts"


def _visible(container: Container) -> Iterator[Part]:
    """All that a path may go on with."""
    for part in container.parts():
        yield part
    for part in _left_out(container.whole):
        inner = container_of(part)
        if inner:
            yield from _visible(inner)


def _suggestion(name: str, names: list[str]) -> str:
    by_folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=_SIMILAR)
    return f"; did you mean {by_folded[close[0]]}?" if close else ""


def _further_down(here: Part, step: Step) -> str:
    """Where inside a value there is what was looked for outside."""
    found = (part for part in walk(here) if part.path != here.path and part.step == step)
    first = next(found, None)
    return f"; did you mean {first.path}?" if first else ""


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN_MAX])
    more = len(names) - _NAMES_SHOWN_MAX
    verb = "is" if len(names) == 1 else "are"
    return f"{verb} {shown}{f' and {more} more' if more > 0 else ''}"
