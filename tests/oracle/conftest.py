"""The oracle, built once and started once in a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracle import build
from tests.oracle.client import Oracle


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """A running oracle; the test is skipped where it can't be built."""
    try:
        executable = build.executable()
    except build.UnavailableError as error:
        pytest.skip(f"no oracle: {error}")
    with Oracle(executable) as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests for which cargo may have to download crates."""
    for item in items:
        if "oracle" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.network)
