"""`thawbench verify`: a loader's verdict, as text or JSON."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from emu.formats import envelope
from emu.inspect.verify import verify
from harness.actions.files import about
from harness.report.output import print_json
from harness.report.verdict import print_verdict


def run(path: Path, as_id: str | None, *, list_checks: bool, as_json: bool) -> bool:
    """Print the verdict on the state file `path`; whether the loader accepts it.

    Raises `UnknownFormatError` if the format can't be told, and `OSError`.
    """
    with about(path):
        report = verify(envelope.read_file(path), as_id)
    if as_json:
        print_json({"file": str(path), **dataclasses.asdict(report)})
    else:
        print_verdict(path, report, list_checks=list_checks)
    return report.accepted
