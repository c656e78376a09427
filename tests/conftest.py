"""Hypothesis profiles of the whole suite, chosen by the environment variable THAWBENCH_PROFILE."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

PROFILES = {
    # Bounded, and the same examples on every machine: a red test stays red until it is mended.
    "ci": settings(max_examples=50, derandomize=True, deadline=None),
    # New examples on every run; a failure prints what reproduces it.
    "deep": settings(max_examples=5_000, deadline=None, print_blob=True),
}


def pytest_configure() -> None:
    """Load the profile before any test module is imported: `@given` reads it there."""
    name = os.environ.get("THAWBENCH_PROFILE", "ci")
    if name not in PROFILES:
        expected = " or ".join(PROFILES)
        raise pytest.UsageError(
            f"environment variable THAWBENCH_PROFILE is {name!r}: use {expected}"
        )
    settings.register_profile(name, PROFILES[name])
    settings.load_profile(name)
