"""Events as lines of JSON, one object a line, and back; docs/events.md lists them all.

The same run gives the same bytes. A number above 2^53, which many readers of JSON would round, is
written as a string in hexadecimal; both forms are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any, TextIO, get_type_hints

from emu.core.events import Event, Stamped
from emu.errors import EventFileError

NUMBER_MAX = 1 << 53
"""The largest number that is written as one: up to here doubles hold every integer."""


def event_classes() -> dict[str, type[Event]]:
    """All kinds of events, by the name that they have in a file.

    >>> event_classes()["console-output"].__name__
    'ConsoleOutput'
    """
    return {name_of(kind): kind for kind in Event.__subclasses__()}


def name_of(kind: type[Event]) -> str:
    """What a kind of event is called in a file: `irq-pended` for `IrqPended`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


def line_of(stamped: Stamped) -> str:
    """The line of an event, without the line feed."""
    return json.dumps(value_of(stamped))


def value_of(stamped: Stamped) -> dict[str, object]:
    """The object that an event's line has."""
    event = stamped.event
    values = {field.name: _written(getattr(event, field.name)) for field in fields(event)}
    return {"time": number_text(stamped.time), "event": name_of(type(event)), **values}


def number_text(value: object) -> object:
    """`value`, which is text in hexadecimal if it is a number that JSON's readers would round."""
    return hex(value) if isinstance(value, int) and value > NUMBER_MAX else value


def _written(value: object) -> object:
    return value.value if isinstance(value, Enum) else number_text(value)


class EventWriter:
    """A listener that writes each event to a text file."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __call__(self, stamped: Stamped) -> None:
        """A listener for `EventStream.subscribe`."""
        self._file.write(f"{line_of(stamped)}\n")


def read_events(path: Path) -> Iterator[Stamped]:
    """The events of a file, in order.

    Raises:
        EventFileError: a line is not an event; the message names it.
        OSError: the file can't be read.
    """
    yield from parse_events(path.read_bytes().splitlines(), str(path))


def parse_events(lines: Iterable[bytes], source: str) -> Iterator[Stamped]:
    """The events of some lines; raises as `read_events`, with `source` as the name."""
    classes = event_classes()
    for number, line in enumerate(lines, start=1):
        try:
            yield _parse(line, classes)
        except (ValueError, RecursionError) as error:
            raise EventFileError(f"{source}: line {number} is not an event: {error}") from None


def _parse(line: bytes, classes: dict[str, type[Event]]) -> Stamped:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    name = value.pop("event", None)
    time = _number(value.pop("time", None))
    kind = classes.get(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"no event is called {name!r}; there are: {', '.join(sorted(classes))}")
    expected = [field.name for field in fields(kind)]
    if set(value) != set(expected):
        raise ValueError(f"{name} has the fields {', '.join(expected)}; found {', '.join(value)}")
    types = get_type_hints(kind)
    return Stamped(time, kind(**{key: _read(value[key], types[key]) for key in expected}))


def _read(value: object, declared: Any) -> object:
    if declared is int or (declared == int | None and value is not None):
        return _number(value)
    if isinstance(declared, type) and issubclass(declared, Enum):
        return declared(value)
    expected = type(None) if declared == int | None else declared
    if not isinstance(value, expected):
        raise ValueError(f"{value!r} is not of type {declared}")
    return value


def _number(value: object) -> int:
    if isinstance(value, str):
        return int(value, 16)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r} is not an integer")
    return value
