"""The page on events lists every kind of event with its fields, and its example is a real line."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from emu.arch.smccc import Conduit
from emu.core.events import Event
from harness.event_lines import event_classes, line_of, name_of, parse_events

TEXT = (Path(__file__).parents[2] / "docs" / "events.md").read_text(encoding="utf-8")
TYPES: dict[Any, str] = {
    int: "number",
    int | None: "number or null",
    bool: "boolean",
    str: "string",
    Conduit: " or ".join(f'"{conduit.value}"' for conduit in Conduit),
}


def row(kind: type[Event]) -> str:
    """The line of the page's table that is about one kind of event."""
    types = get_type_hints(kind)
    shown = ", ".join(f"`{field.name}` {TYPES[types[field.name]]}" for field in fields(kind))
    return f"| `{name_of(kind)}` | {shown} | {' '.join((kind.__doc__ or '').split())} |"


def test_the_page_has_every_event_and_no_other() -> None:
    """In full and in order; `row` is the text to put there."""
    rows = re.findall(r"^\| `.*\|$", TEXT, re.M)
    assert rows == [row(kind) for kind in event_classes().values()]


def test_the_example_is_made_of_events() -> None:
    (example,) = re.findall(r"^```jsonl\n(.*?)^```$", TEXT, re.M | re.S)
    events = list(parse_events(example.encode().splitlines(), "docs/events.md"))
    assert len(events) > 3
    assert [line_of(stamped) for stamped in events] == example.splitlines()
