"""Differences between two states as text for people, one a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rich.text import Text

from emu.inspect.diff import BytesChange, Difference, Kind
from harness.report.console import stdout
from harness.report.text import printable, value_text

_HEX_FROM = 1 << 32
_VALUE_LENGTH_MAX = 100


def print_differences(differences: Iterable[Difference]) -> None:
    """Print each difference: what happened (`~`, `+` or `-`), where, and from what to what."""
    console = stdout()
    for difference in differences:
        console.print(_line(difference))


def _line(difference: Difference) -> Text:
    mark, style = _MARKS.get(difference.kind, _CHANGED)
    path = difference.path or "the root"
    label = f" ({difference.label})" if difference.label else ""
    told = _TOLD[difference.kind](difference)
    return Text.assemble((mark, style), f" {printable(f'{path}{label}  {told}')}")


_CHANGED = ("~", "yellow")
_MARKS = {
    "added": ("+", "green"),
    "field-added": ("+", "green"),
    "removed": ("-", "red"),
    "field-removed": ("-", "red"),
}


def _old(difference: Difference) -> str:
    return _value(difference.old, is_register=difference.is_register)


def _new(difference: Difference) -> str:
    return _value(difference.new, is_register=difference.is_register)


def _value(value: object, *, is_register: bool) -> str:
    hex_from = 0 if is_register else _HEX_FROM
    return value_text(value, hex_from=hex_from, length_max=_VALUE_LENGTH_MAX)


def _change(difference: Difference) -> str:
    if difference.bytes:
        return _bytes(difference.bytes)
    bits = ", ".join(f"{bit.name} {bit.old} -> {bit.new}" for bit in difference.bits)
    return f"{_old(difference)} -> {_new(difference)}" + (f"  {bits}" if bits else "")


def _bytes(change: BytesChange) -> str:
    sizes = f"{change.old_size_bytes:,}"
    if change.new_size_bytes != change.old_size_bytes:
        sizes += f" -> {change.new_size_bytes:,}"
    return (
        f"{sizes} bytes, {change.differing_count:,} differ, from {change.first_offset:#x}: "
        f"{change.old_preview or 'end'} -> {change.new_preview or 'end'}"
    )


def _order(difference: Difference) -> str:
    """The first entry that is not where it was, among those that both have."""
    old, new = difference.old, difference.new
    stayed = [key for key in old if key in new]
    pairs = zip(stayed, (key for key in new if key in old), strict=True)
    moved = [f"{now} comes where {was} was" for was, now in pairs if was != now]
    return f"other order: {moved[0] if moved else 'new entries are not at the end'}"


_TOLD: dict[Kind, Callable[[Difference], str]] = {
    "changed": _change,
    "added": _new,
    "removed": _old,
    "variant": lambda difference: f"{_old(difference)} -> {_new(difference)}",
    "order": _order,
    "type": lambda difference: f"type {difference.old} -> {difference.new}",
    "field-added": lambda difference: f"{_new(difference)} (no such field in the first format)",
    "field-removed": lambda difference: f"{_old(difference)} (no such field in the second format)",
}
