"""The README shows what a user gets: its commands, its options and its output are today's."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

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


def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    """All of it: the seed that the README shows gives the same output on every machine."""
    (shown,) = re.findall(
        r"^<!-- demo-output -->\n```text\n(.*?)^```\n<!-- /demo-output -->$", README, re.M | re.S
    )
    (seed,) = re.findall(r"--entropy ([0-9a-f]+)", shown)
    demo = CliRunner(env={"COLUMNS": "80"}).invoke(
        main, ["demo", "--entropy", seed, "--output", str(tmp_path)]
    )
    assert demo.exit_code == 0, demo.output
    assert [line.rstrip() for line in demo.output.splitlines()] == shown.splitlines()
