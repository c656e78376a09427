"""docs/linux.md tells of every environment variable."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "linux.md").read_text(encoding="utf-8")


def test_every_environment_variable_is_told_and_no_other() -> None:
    sources = (ROOT / "tests" / "linux").rglob("*.py")
    read = {name for path in sources for name in re.findall(r"THAWBENCH_\w+", path.read_text())}
    assert set(re.findall(r"^\| `(THAWBENCH_\w+)` \|", PAGE, re.MULTILINE)) == read
