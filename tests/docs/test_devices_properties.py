"""docs/devices.md names every property of devices, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.properties.devices import CHECKS

TEXT = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")
PAGE = TEXT[TEXT.index("## Properties that every device passes") :]


def test_the_page_names_every_property() -> None:
    assert re.findall(r"^\| ([A-Z ]+) \|", PAGE, re.MULTILINE) == list(CHECKS)


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
def test_the_examples_run(example: str) -> None:
    exec(compile(example, "devices.md", "exec"), {})
