"""`thawbench formats`: the formats that are known."""

from __future__ import annotations

from rich.table import Table

from emu.formats import registry
from emu.formats.format import Format
from harness.report.console import stdout
from harness.report.output import print_json


def run(*, as_json: bool) -> None:
    """Print all known formats."""
    if as_json:
        print_json([_as_data(known) for known in registry.formats()])
        return
    table = Table("format", "snapshot version", "encoding", "written by", box=None)
    for known in registry.formats():
        table.add_row(known.id, known.version, known.codec.encoding, known.written_by)
    stdout().print(table)


def _as_data(known: Format) -> dict[str, object]:
    return {
        "id": known.id,
        "aliases": list(known.aliases),
        "version": known.version,
        "encoding": known.codec.encoding,
        "written_by": known.written_by,
    }
