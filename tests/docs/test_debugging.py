"""The pages on booting and debugging show what the commands print, and their Python runs."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from harness.cli import main
from tests.harness.command_line import invoke

DOCS = Path(__file__).parents[2] / "docs"
BOOT = (DOCS / "boot.md").read_text(encoding="utf-8")
DEBUGGING = (DOCS / "debugging.md").read_text(encoding="utf-8")


def run_python(number: int) -> None:
    """Run one of the examples of the page on debugging."""
    examples = re.findall(r"^```python\n(.*?)^```$", DEBUGGING, re.M | re.S)
    exec(compile(examples[number], "debugging.md", "exec"), {})


def shown_in(output: str, page: str) -> bool:
    """Whether the page shows the output, with `…` for lines that it leaves out."""
    parts = [re.escape(part.strip("\n")) for part in re.split(r"^…$", page, flags=re.M)]
    return re.search(".*?\n".join(parts), output, re.S) is not None


def test_commands_print_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_python(0)
    shown = re.findall(r"^<!-- \$ thawbench (.*?) -->\n```text\n(.*?)^```$", DEBUGGING, re.M | re.S)
    assert len(shown) == 2
    for command, page in shown:
        output = invoke(*command.split()).output
        assert shown_in(output, page), output


def test_the_example_of_a_test_prints_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    run_python(1)
    assert capsys.readouterr().out.startswith("stopped: a test\n")


def test_the_first_command_of_the_page_on_booting_works() -> None:
    command = re.findall(r"^\$ thawbench (.*)$", BOOT, re.M)[0]
    result = invoke(*command.split())
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "bye")


def test_the_pages_name_every_option() -> None:
    assert isinstance(main, click.Group)
    options = [name for each in main.commands["boot"].params for name in each.opts]
    missing = [name for name in options if name not in BOOT + DEBUGGING]
    assert missing == []
