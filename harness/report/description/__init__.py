"""Descriptions of state files as text for people: short where the state is long.

What is left out here is in the JSON.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from emu.inspect.describe.views.file import Description, MemoryView
from harness.report.description.layout import Line, heading
from harness.report.description.machine import state_lines
from harness.report.text import printable


def print_description(console: Console, description: Description) -> None:
    """Write `description` to `console`, one fact a line."""
    for line in _lines(description):
        console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)


def _lines(description: Description) -> Iterator[Line]:
    yield from _format(description)
    yield f"size:        {description.size_bytes:,} bytes"
    crc = description.checksum
    if crc:
        verdict = "ok" if crc.ok else f"wrong, the bytes have {crc.computed:#018x}"
        yield f"checksum:    {crc.stored:#018x} ({verdict})"
    if description.trailing_size_bytes:
        yield f"ignored:     {description.trailing_size_bytes:,} bytes before the checksum"
    yield f"loads:       {'no' if description.problems else 'yes'}"
    if description.memory:
        yield f"memory file: {_memory(description.memory)}"
    if description.state:
        yield from state_lines(description.state)
    if description.problems:
        yield from heading("Problems")
    for problem in description.problems:
        yield f"  {problem.loader_error or problem.error}: {printable(problem.message)}"


def _format(description: Description) -> Iterator[Line]:
    known, header = description.format, description.header
    if known:
        yield f"format:      {known.id} ({known.written_by})"
    else:
        yield "format:      unknown"
    if known and known.also:
        yield f"also:        it is an encoding of {', '.join(known.also)} as well"
    if header:
        architecture = header.architecture or "unknown architecture"
        yield f"version:     {printable(header.version or 'unknown')}, in {header.encoding}"
        yield f"magic:       {header.magic:#018x} ({architecture})"
    else:
        yield "version:     there is no snapshot header"


def _memory(memory: MemoryView) -> str:
    path, size, expected = memory.path, memory.size_bytes, memory.expected_size_bytes
    if size is None:
        return f"{printable(path)} (not there)"
    if expected in {None, size}:
        return f"{printable(path)}, {size:,} bytes"
    return f"{printable(path)}, {size:,} bytes where the regions take {expected:,}"
