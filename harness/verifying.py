"""`thawbench verify`: a loader's verdict, as text or JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from emu.formats import envelope
from emu.inspect.verify import CheckView, Report, verify
from harness.files import naming
from harness.text import printable

_MARKS = {True: ("passed", "green"), False: ("failed", "red"), None: ("not reached", "dim")}


def run(path: Path, as_id: str | None, *, as_json: bool) -> bool:
    """Print the verdict on the state file `path`; whether the loader accepts it.

    Raises `UnknownFormatError` if the format can't be told, and `OSError`.
    """
    with naming(path):
        report = verify(envelope.read_file(path), as_id)
    if as_json:
        click.echo(json.dumps({"file": str(path), **dataclasses.asdict(report)}, indent=2))
    else:
        _print(Console(highlight=False, soft_wrap=True), path, report)
    return report.accepted


def _print(console: Console, path: Path, report: Report) -> None:
    verdict = ("accepted", "green") if report.accepted else ("rejected", "red")
    title = Text.assemble(f"{printable(str(path))}: ", verdict, f" by {report.format}")
    console.print(title.append(f" ({report.written_by})"))
    if report.also:
        console.print(Text(f"  it is an encoding of {', '.join(report.also)} as well"))
    for check in report.checks:
        console.print(_line(check))
    if report.message is not None:
        console.print(Text(f"{report.loader_error or report.error}: {printable(report.message)}"))


def _line(check: CheckView) -> Text:
    mark, style = _MARKS[check.passed]
    error = f"  [{check.loader_error}]" if check.passed is False and check.loader_error else ""
    return Text.assemble("  ", (f"{mark:<11}", style), f"  {check.rule}{error}")
