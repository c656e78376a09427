"""Unicorn's shared libraries of all platforms, downloaded once in a test run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cpu.libunicorn import wheels


@pytest.fixture(scope="session")
def library_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[wheels.Wheel], Path]:
    """Path of the shared library in a wheel; the test is skipped where pip can't get it."""
    base = tmp_path_factory.getbasetemp()
    # Below xdist, each worker has a directory of its own inside the one of the run.
    run = base.parent if base.name.startswith("popen-") else base
    directory = run / "libunicorn"
    directory.mkdir(exist_ok=True)

    def find(wheel: wheels.Wheel) -> Path:
        try:
            return wheels.download(wheel, directory)
        except wheels.UnavailableError as error:
            pytest.skip(f"no {wheel.tag} wheel of unicorn: {error}")

    return find


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that download."""
    for item in items:
        if "library_of" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.network)
