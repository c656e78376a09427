"""The README shows what a user gets: its commands and its example are today's."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from harness.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """The commands of the command line."""
    assert isinstance(main, click.Group)
    return sorted(main.list_commands(click.Context(main)))


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_a_new_user_pastes_one_line(name: str) -> None:
    """CI reads the same block by the same marker, so what is tested is what is pasted."""
    (block,) = re.findall(rf"^<!-- command: {name} -->\n```sh\n(.*?)\n```$", README, re.M | re.S)
    assert len(block.splitlines()) == 1
    assert block.startswith("python3 -m venv .venv && ")


def test_the_readme_names_every_command_and_no_other() -> None:
    assert sorted(set(re.findall(r"`thawbench ([a-z]+)", README))) == commands()


def test_the_library_example_runs_and_its_fault_is_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("FRESH")
