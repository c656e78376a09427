"""The page on `verify` shows what the command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import data
from tests.harness.command_line import invoke

TEXT = (Path(__file__).parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")


def test_commands_print_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("two-vcpus.snap").write_bytes(data.read(data.FIRECRACKER_SNAPSHOT))
    (block,) = re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    shown = re.findall(r"^\$ thawbench (verify .*)\n((?:[^$].*\n)*)", block, re.MULTILINE)
    assert len(shown) == 2
    for command, output in shown:
        assert invoke(*command.split()).stdout == output, command
