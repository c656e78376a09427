"""`thawbench verify`: a loader's verdict, as text or JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from emu.formats import envelope
from emu.inspect.verify import CheckView, Report, verify
from harness.files import naming
from harness.text import printable

_MARKS = {True: ("passed", "green"), False: ("failed", "red"), None: ("not reached", "dim")}


def run(path: Path, as_id: str | None, *, list_checks: bool, as_json: bool) -> bool:
    """Print the verdict on the state file `path`; whether the loader accepts it.

    Raises `UnknownFormatError` if the format can't be told, and `OSError`.
    """
    with naming(path):
        report = verify(envelope.read_file(path), as_id)
    if as_json:
        click.echo(json.dumps({"file": str(path), **dataclasses.asdict(report)}, indent=2))
    else:
        _print(path, report, list_checks=list_checks)
    return report.accepted


def _print(path: Path, report: Report, *, list_checks: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    verdict = ("accepted", "green") if report.accepted else ("rejected", "red")
    title = Text.assemble(f"{printable(str(path))}: ", verdict, f" by {report.format}")
    console.print(title.append(f" ({report.written_by})"))
    if report.also:
        console.print(Text(f"  the file may as well be of {', '.join(report.also)}"))
    if list_checks:
        for check in report.checks:
            console.print(_line(check))
    else:
        console.print(Text(f"  {_summary(report.checks)}"))
    if report.message is not None:
        console.print(Text(f"{report.loader_error or report.error}: {printable(report.message)}"))


def _summary(checks: Sequence[CheckView]) -> str:
    for number, check in enumerate(checks, start=1):
        if check.passed is False:
            return f"check {number} of {len(checks)} failed: the file {check.rule}"
    return f"all {len(checks)} checks passed"


def _line(check: CheckView) -> Text:
    mark, style = _MARKS[check.passed]
    error = f"  [{check.loader_error}]" if check.passed is False and check.loader_error else ""
    return Text.assemble("  ", (f"{mark:<11}", style), f"  {check.rule}{error}")
