"""Where kvm-unit-tests' images are: they are not ours, so whoever has built them says where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

VARIABLE: Final = "THAWBENCH_KVM_UNIT_TESTS"

needs_images = pytest.mark.skipif(
    VARIABLE not in os.environ,
    reason=f"{VARIABLE} is not set: a folder of .flat files, see docs/conformance.md",
)


def image(name: str) -> Path:
    """The file of an image; the test fails if a folder was given and has none."""
    path = Path(os.environ[VARIABLE]) / f"{name}.flat"
    assert path.is_file(), f"{VARIABLE} names a folder without {path.name}"
    return path
