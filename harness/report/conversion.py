"""What became of a state that was converted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby

from rich.console import Console
from rich.text import Text

from emu.inspect.convert import Addition, Change, Conversion, Loss
from harness.report.console import stdout
from harness.report.text import count, printable, value_text

_value = partial(value_text, hex_from=1 << 16, length_max=60)


def print_conversion(source_id: str, target_id: str, conversion: Conversion) -> None:
    """Print what was kept, lost, added and rewritten."""
    console = stdout()
    console.print(f"{source_id} to {target_id}")
    kept, moved = count(conversion.kept_count, "value"), count(len(conversion.moves), "part")
    console.print(f"kept: {kept}; {moved} elsewhere than before")
    for title, style, lines in (
        ("lost", "red", _losses(conversion.losses)),
        ("added", "green", _additions(conversion.additions)),
        ("rewritten", "yellow", _changes(conversion.changes)),
    ):
        _print_section(console, title, style, lines)
    console.print("the memory file " + _memory_file(conversion))


def _print_section(console: Console, title: str, style: str, lines: Iterable[str]) -> None:
    for index, line in enumerate(lines):
        if not index:
            console.print(Text(f"{title}:", style))
        console.print(Text(printable(line)))


def _losses(losses: Iterable[Loss]) -> Iterator[str]:
    """The parts that are lost, and after those of one kind why."""
    for (why, effect), alike in groupby(losses, key=lambda loss: (loss.why, loss.effect)):
        yield from (f"  {loss.path} = {_value(loss.value)}" for loss in alike)
        yield f"    {why}: {effect}"


def _additions(additions: Iterable[Addition]) -> Iterator[str]:
    for why, alike in groupby(additions, key=lambda addition: addition.why):
        yield from (f"  {addition.path} = {_value(addition.value)}" for addition in alike)
        yield f"    {why}"


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    for why, alike in groupby(changes, key=lambda change: change.why):
        for change in alike:
            yield f"  {change.path}  {_value(change.old)} -> {_value(change.new)}"
        yield f"    {why}"


def _memory_file(conversion: Conversion) -> str:
    if conversion.same_memory_file:
        return "stays as it is"
    return "has other regions than before; write it anew"
