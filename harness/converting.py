"""`thawbench convert`: a state file as another release would have it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from emu.errors import IncompatibleError
from emu.formats import registry
from emu.formats.atomic import write_atomic
from emu.formats.format import Format
from emu.inspect.convert import Addition, Change, Conversion, Loss, convert
from harness.files import naming, opened
from harness.text import printable

_VALUE_LENGTH_MAX = 60
_HEX_FROM = 1 << 16


def run(
    path: Path,
    output: Path,
    to_id: str,
    *,
    as_id: str | None = None,
    lossy: bool = False,
    as_json: bool = False,
) -> None:
    """Write the state file `path` in another format to `output`, and print what became of it.

    Args:
        path: the state file.
        output: the file to write; it may be the same.
        to_id: the format to write.
        as_id: the format to read `path` as; found out by default.
        lossy: whether to write the file even if something is lost.
        as_json: print JSON instead of text.

    Raises:
        IncompatibleError: the state can't be converted, or something would be lost and `lossy` is
            false; nothing is written then.
        SnapshotError: the file can't be read.
        OSError: a file can't be read or written.
    """
    target = registry.get(to_id)
    with naming(path):
        state = opened(path, as_id)
        conversion = convert(state.snapshot, state.format, target)
        data = target.encode(conversion.snapshot)
    refused = bool(conversion.losses) and not lossy
    if not refused:
        write_atomic(output, data)
    if as_json:
        click.echo(json.dumps(_as_data(state.format, target, conversion, not refused), indent=2))
    else:
        _print(Console(highlight=False, soft_wrap=True), state.format, target, conversion)
    if refused:
        raise IncompatibleError(
            f"{path}: not written as {target.id}, because {_count(conversion.losses, 'thing')} "
            "would be lost; --lossy accepts that"
        )


def _as_data(source: Format, target: Format, conversion: Conversion, written: bool) -> Any:
    told = {field.name: getattr(conversion, field.name) for field in dataclasses.fields(conversion)}
    del told["snapshot"]
    for name in ("losses", "additions", "changes", "moves"):
        told[name] = [dataclasses.asdict(part) for part in told[name]]
    return {"from": source.id, "to": target.id, "written": written, **told}


# --- text --------------------------------------------------------------------------------------


def _print(console: Console, source: Format, target: Format, conversion: Conversion) -> None:
    console.print(f"{source.id} to {target.id}")
    kept = _count(range(conversion.kept_count), "value")
    console.print(f"kept: {kept}; {_count(conversion.moves, 'part')} elsewhere than before")
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


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, int) and not isinstance(value, bool) and value >= _HEX_FROM:
        return hex(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _VALUE_LENGTH_MAX else f"{text[:_VALUE_LENGTH_MAX]}…"


def _count(things: Any, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
