"""The command line, as tests call it in their own process."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from harness.cli import main

GOLDEN = Path(__file__).parents[1] / "golden" / "squib-0.2"
STATE_FILES = sorted(GOLDEN.glob("*.snap"))
REALISTIC = GOLDEN / "14-realistic-two-vcpus-mmds.snap"
LOADABLE = {"04", "13", "14", "15"}
"""Numbers of the golden files that squib loads."""


def invoke(*arguments: object, stdin: bytes | None = None) -> Result:
    """What `thawbench` does with these arguments."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def assert_fails(result: Result, message: str) -> None:
    """One line on stderr that says `message`, exit status 2, and no traceback."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("thawbench: error: ")
    assert message in line
