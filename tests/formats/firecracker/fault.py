"""A fault of a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.formats.firecracker.states import RELEASES, Built

Mutate = Callable[[Built], Any]


@dataclass(frozen=True)
class Fault:
    """A fault, in some releases.

    Attributes:
        error: what those releases call it.
        mutate: makes a state have it.
        since: the first of the releases.
        until: the last.
        bus: the transport whose devices have it; empty if it is none of theirs.
        alone: whether other faults are gone where this one is.
    """

    error: str
    mutate: Mutate
    since: str = "1.9"
    until: str = "main"
    bus: str = ""
    alone: bool = False

    def concerns(self, name: str, transport: str) -> bool:
        """Whether states of a release have it; those of main have devices on one transport."""
        first, last = RELEASES.index(self.since), RELEASES.index(self.until)
        there = name != "main" or self.bus in {"", transport}
        return there and first <= RELEASES.index(name) <= last


def setting(part: Callable[[Built], Any], **fields: Any) -> Mutate:
    """Sets fields of a part of the state."""

    def mutate(built: Built) -> None:
        for name, value in fields.items():
            setattr(part(built), name, value)

    return mutate


def latest(*releases: str) -> str:
    """The latest of some releases."""
    return max(releases, key=RELEASES.index)
