"""The bounded matrix leaves no two choices untried together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from itertools import combinations

import pytest

from tests.linux.matrix import Configuration, enough, everything, everything_with_devices

KERNELS = ("bookworm", "trixie")


def pairs(configurations: Sequence[Configuration]) -> set[tuple[object, ...]]:
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


def test_with_devices_each_board_and_kernel_has_both_latencies_and_one_and_two_vcpus() -> None:
    full = everything_with_devices(KERNELS)
    assert len(full) == 2**5
    chosen = enough(full)
    assert pairs(chosen) == pairs(full)
    assert len(chosen) <= len(full) / 4
    assert len({str(each) for each in full}) == len(full)
