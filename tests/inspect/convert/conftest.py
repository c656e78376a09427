"""States to convert, made once."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from harness.states import realistic_state
from harness.states.machine import Bus


@cache
def _state(format_id: str, bus: Bus) -> Any:
    return realistic_state(format_id, seed=1, vcpus=2, transport=bus)


@pytest.fixture(scope="session")
def state() -> Callable[..., Any]:
    """A function of a format's id and, if not MMIO, a bus: a snapshot with one of everything."""

    def make(format_id: str, bus: Bus = "mmio") -> Any:
        return deepcopy(_state(format_id, bus))

    return make
