"""The page on memory files shows what its commands print."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.formats.memory.disk import PAGE, Disk, first_data
from tests.harness.command_line import REALISTIC, invoke

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "memory-files.md").read_text(encoding="utf-8")


def comparable(output: str) -> list[str]:
    """The lines that are the same on every file system."""
    return [line for line in output.splitlines() if not line.startswith("on disk:")]


def test_commands_print_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the files that the page's Python makes."""
    monkeypatch.chdir(tmp_path)
    if first_data(Disk(Path()).file("probe", [None, 1])) != PAGE:
        pytest.skip("this file system keeps no holes of 4 KiB, or does not tell them")
    (example,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
    exec(compile(example, "memory-files.md", "exec"), {})
    shutil.copy(REALISTIC, "vm.snap")
    shown = re.findall(r"^<!-- \$ thawbench (.*?) -->\n```text\n(.*?)^```$", TEXT, re.M | re.S)
    assert len(shown) == 3
    for command, output in shown:
        result = invoke(*command.split())
        assert comparable(result.output) == comparable(output), command
