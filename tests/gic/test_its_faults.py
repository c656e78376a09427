"""The comparison with the reference model finds what may be wrong with an ITS.

The random runs are the same every time, and few: a fault that they don't find means that the
comparison does not look there.
"""

from __future__ import annotations

from random import Random

import pytest

from emu.errors import ThawbenchError
from tests.gic import its_steps
from tests.gic.its_faults import ITS_FAULTS

RUN_COUNT = 24
STEP_COUNT = 80


def compare() -> None:
    """All the runs."""
    for seed in range(RUN_COUNT):
        its_steps.run(Random(seed), STEP_COUNT)


@pytest.mark.parametrize("name", ITS_FAULTS)
def test_the_comparison_finds_a_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ITS_FAULTS[name](monkeypatch)
    with pytest.raises((AssertionError, KeyError, ThawbenchError)):
        compare()


def test_without_a_fault_the_same_runs_find_nothing() -> None:
    compare()
