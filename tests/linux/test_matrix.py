"""The bounded matrix leaves no two choices untried together."""

from __future__ import annotations

from dataclasses import astuple
from itertools import combinations

import pytest

from tests.linux.matrix import Configuration, enough, everything

KERNELS = ("bookworm", "trixie")


def pairs(configurations: list[Configuration]) -> set[tuple[object, ...]]:
    return {pair for each in configurations for pair in combinations(enumerate(astuple(each)), 2)}


@pytest.mark.parametrize("kernels", [KERNELS[:1], KERNELS], ids=len)
def test_every_two_choices_meet_in_what_is_enough(kernels: tuple[str, ...]) -> None:
    """So each board is booted with 1, 2 and 4 vCPUs, with each kernel, and with each CPU model."""
    full = everything(kernels)
    assert pairs(enough(full)) == pairs(full)


def test_enough_is_much_less_than_everything_and_always_the_same() -> None:
    full = everything(KERNELS)
    chosen = enough(full)
    assert chosen == enough(full)
    assert len(set(chosen)) == len(chosen) <= len(full) * 2 / 3
