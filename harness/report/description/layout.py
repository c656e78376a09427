"""How facts and sets of names are laid out."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any

from rich.text import Text

from harness.report.text import printable

Line = str | Text

WIDTH = 100


def heading(title: str) -> Iterator[Line]:
    """The title of a part of the report."""
    yield ""
    yield Text(title, style="bold")


def columns(cells: list[str], per_line: int, indent: str) -> Iterator[Line]:
    """Cells of one width, so many to a line."""
    for start in range(0, len(cells), per_line):
        yield indent + "  ".join(cells[start : start + per_line])


def names(label: str, members: Iterable[str], indent: str) -> Iterator[Line]:
    """A label, and names on as many lines as they need; nothing if there is no name."""
    listed = ", ".join(members)
    if listed:
        yield from textwrap.wrap(
            f"{label}: {listed}",
            WIDTH,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_on_hyphens=False,
        )


_FORMS: Mapping[str, Callable[[Any], str]] = {
    "addr": hex,
    "start": hex,
    "mac_addr": lambda address: bytes(address).hex(":"),
    "ipv4_addr": lambda address: str(IPv4Address(address)),
}
"""How facts are written whose plain numbers nobody can read, by name."""


def table(facts: Mapping[str, Any], indent: str) -> Iterator[Line]:
    """Facts one below another."""
    rows = dict(_rows(facts))
    width = max(map(len, rows), default=0)
    for name, text in rows.items():
        yield f"{indent}{name:{width}}  {text}"


def inline(facts: Mapping[str, Any]) -> str:
    """Facts side by side, without those that are not there."""
    return " ".join(
        f"{name}={_named(name, fact)}" for name, fact in facts.items() if fact is not None
    )


def given(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts without those that are not there."""
    return {name: fact for name, fact in facts.items() if fact is not None}


def value(fact: Any) -> str:
    """A fact as text."""
    match fact:
        case None:
            return "none"
        case bool():
            return "yes" if fact else "no"
        case str():
            return printable(fact) if fact else '""'
        case [bool(), *_]:
            return f"{sum(fact)} of {len(fact)}"
        case list():
            return ", ".join(map(value, fact)) or "none"
        case _:
            return str(fact)


def _named(name: str, fact: Any) -> str:
    form = _FORMS.get(name)
    return form(fact) if form and fact is not None else value(fact)


def _rows(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and texts; what is inside a fact goes by a dotted name."""
    for name, fact in facts.items():
        if not isinstance(fact, Mapping):
            yield name, _named(name, fact)
        elif any(isinstance(inner, Mapping) for inner in fact.values()):
            inside = given(fact).items()
            yield from _rows({f"{name}.{inner}": deeper for inner, deeper in inside})
        elif given(fact):
            yield name, inline(fact)
