"""`quiet` with few rounds, and the sweeps' bounds for the profile that is set."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import pytest

from firmware.layout import Arguments, Window
from harness.guests import boot_guest
from harness.properties.bisimulation import Boot

RAM_SIZE_BYTES = 6 << 20
TICK_PERIOD = 100

QuietBoot = Callable[..., Boot]


@pytest.fixture(scope="session")
def stride() -> int:
    """Sweeps look at every so many boundaries between two instructions."""
    return 1 if os.environ.get("THAWBENCH_PROFILE") == "deep" else 7


@pytest.fixture(scope="session")
def quiet() -> QuietBoot:
    """Given a mode, makes what boots `quiet` in it."""

    def boot(mode: Window = Window.NONE, *, ticks: int = 4, rounds: int = 1) -> Boot:
        arguments = Arguments(mode=mode, ticks=ticks, tick_period=TICK_PERIOD, rounds=rounds)
        return partial(boot_guest, "quiet", arguments=arguments, ram_size_bytes=RAM_SIZE_BYTES)

    return boot
