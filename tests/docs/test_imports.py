"""What the pages' Python imports is there."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
OWN = ("emu", "harness", "firmware")


def imported(page: Path) -> list[tuple[str, str]]:
    """Module and name of each import of ours in a page."""
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    nodes = (node for block in blocks for node in ast.walk(ast.parse(block)))
    return [
        (node.module, alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OWN
        for alias in node.names
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_imports_is_there(page: Path) -> None:
    for module, name in imported(page):
        found = import_module(module)
        assert hasattr(found, name) or import_module(f"{module}.{name}"), f"{module} has no {name}"


def test_pages_import_something() -> None:
    assert sum(len(imported(page)) for page in PAGES) > 20
