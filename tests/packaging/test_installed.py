"""What tox tests is the installed package, not the source tree that happens to lie next to it."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2]


@pytest.mark.skipif(
    "THAWBENCH_INSTALLED" not in os.environ,
    reason="tests of a source tree: only tox sets THAWBENCH_INSTALLED",
)
@pytest.mark.parametrize("package", ["emu", "firmware", "harness"])
def test_the_package_under_test_is_the_installed_one(package: str) -> None:
    file = importlib.import_module(package).__file__
    assert file is not None
    assert SOURCE / package not in Path(file).parents
