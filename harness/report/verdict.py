"""A loader's verdict on a state file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from emu.inspect.verify import CheckView, Report
from harness.report.console import stdout
from harness.report.text import printable

_MARKS = {True: ("passed", "green"), False: ("failed", "red"), None: ("not reached", "dim")}


def print_verdict(path: Path, report: Report, *, list_checks: bool) -> None:
    """Print what was decided and why; `list_checks` shows every check of the loader."""
    console = stdout()
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
