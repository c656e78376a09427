"""The page on conversion shows the rules as they are, and what the command prints."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from emu.formats import registry
from emu.formats.firecracker.releases import RELEASES
from emu.inspect.convert.chain import STEPS
from harness.states import realistic_state
from tests.harness.command_line import invoke

TEXT = (Path(__file__).parents[2] / "docs" / "convert.md").read_text(encoding="utf-8")


def tables() -> str:
    """The rules of all steps, as the page has them."""
    sections = []
    for older, newer in pairwise(RELEASES):
        rules = STEPS[newer.id]
        if not rules:
            continue
        title = f"### {older.id} and {newer.id}".replace("firecracker-", "")
        rows = [f"| {rule.subject} | {rule.upward} | {rule.downward} |" for rule in rules]
        names = [known.id.removeprefix("firecracker-") for known in (newer, older)]
        head = [f"| what | to {names[0]} | to {names[1]} |", "|---|---|---|"]
        sections.append("\n".join([title, "", *head, *rows]))
    return "\n\n".join(sections)


def test_the_page_has_the_rules_of_every_step() -> None:
    """In full and in order; `tables()` is the text to put there."""
    assert tables() in TEXT


def test_every_two_neighbours_have_rules() -> None:
    assert list(STEPS) == [release.id for release in RELEASES[1:]]


def test_the_command_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    release = registry.get("firecracker-1.12")
    snapshot = realistic_state(release.id, seed=1, vcpus=1, mmds=False, devices={"net": 1})
    Path("vm.snap").write_bytes(release.encode(snapshot))
    shown = re.findall(r"^\$ thawbench (.*)\n((?:(?!```).*\n)*)```$", TEXT, re.M)
    assert len(shown) == 2
    for command, output in shown:
        result = invoke(*command.split())
        assert result.output == output, command
