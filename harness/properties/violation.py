"""What a property raises when it does not hold."""

from __future__ import annotations

from collections.abc import Iterable

from emu.errors import ThawbenchError

_SHOWN_MAX = 12


class PropertyViolation(ThawbenchError, AssertionError):  # noqa: N818 - it is a finding
    """A property does not hold. The message names it and says what was seen instead."""


def expect_none(rule: str, findings: Iterable[str]) -> None:
    """Raise `PropertyViolation` with the first of `findings`, if there are any."""
    found = list(findings)
    if found:
        more = [f"… and {len(found) - _SHOWN_MAX} more"] if len(found) > _SHOWN_MAX else []
        raise PropertyViolation("\n  ".join([rule, *found[:_SHOWN_MAX], *more]))


def expect(rule: str, holds: bool, seen: str) -> None:
    """Raise `PropertyViolation` unless it `holds`."""
    if not holds:
        raise PropertyViolation(f"{rule}\n  {seen}")
