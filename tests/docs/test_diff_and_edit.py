"""The page on `diff` and `edit` shows what they print, and its Python runs."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.harness.command_line import REALISTIC, invoke

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "diff-and-edit.md").read_text(encoding="utf-8")
COMMAND = r"(?:[^\n]|(?<=\\)\n)*"
"""One line, and more after a backslash."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the state file that the page speaks of."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(REALISTIC, "vm.snap")


def test_commands_print_what_the_page_shows() -> None:
    """In the order of the page: later commands use what earlier ones have written."""
    shown = re.findall(rf"^```console\n\$ thawbench ({COMMAND})\n(.*?)^```$", TEXT, re.M | re.S)
    assert len(shown) == 7
    for command, output in shown:
        arguments = shlex.split(command.replace("\\\n", ""))
        assert invoke(*arguments).output == output, command
    assert not Path("never.snap").exists()


def test_the_python_of_the_page_runs() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
    exec(compile(example, "diff-and-edit.md", "exec"), {"path": Path("vm.snap")})
