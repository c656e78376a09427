"""A run that is attended to is the same run, and its pieces fit the time that the host has."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from emu.core.events import Stamped
from emu.machine import Machine, Stop
from firmware.layout import Arguments, Window
from harness.attended_run import Budget, End, Left, run_attended
from harness.guests import boot_guest
from harness.trace import Trace, record, trace_differences


class Onlooker:
    """Attends every so many cycles, or so often in real time.

    Attributes:
        seen: instructions that were executed each time.
    """

    def __init__(self, *cycles: int, interval_s: float | None = None, ends_at: int = 0) -> None:
        self._cycles = cycle(cycles)
        self._ends_at = ends_at
        self._given = bool(cycles)
        self.interval_s = interval_s
        self.seen: list[int] = []

    def until_cycles(self, machine: Machine) -> int | None:
        return machine.clock.now() + next(self._cycles) if self._given else None

    def attend(self, machine: Machine, end: End | None) -> End | None:
        self.seen.append(machine.instructions)
        return Left.USER if len(self.seen) == self._ends_at else end


@pytest.fixture
def spinner() -> Iterator[Machine]:
    """A guest that works without an end."""
    with boot_guest("quiet", arguments=Arguments(Window.NONE, 1, 10, 1 << 40)) as machine:
        yield machine


def unlimited() -> Budget:
    return Budget(None, None)


@settings(max_examples=20)  # each runs a guest
@given(st.lists(st.integers(2_000, 300_000), min_size=1, max_size=8))
def test_pieces_make_no_difference_to_the_guest(cycles: list[int]) -> None:
    with boot_guest("heartbeat") as machine:
        whole = record(machine)
    with boot_guest("heartbeat") as machine:
        events = list[Stamped]()
        machine.events.subscribe(events.append)
        onlooker = Onlooker(*cycles, interval_s=0.01)
        end = run_attended(machine, unlimited(), [onlooker], clock=lambda: 0.0)
        assert isinstance(end, Stop)
        console, state = bytes(machine.console), machine.state()
        pieces = Trace(tuple(events), end, machine.instructions, console, state)
        assert list(trace_differences(whole, pieces)) == []
        assert len(onlooker.seen) > 1


@pytest.mark.parametrize(
    ("budget", "reason"), [((5_000, None), Stop.LIMIT), ((None, 5_000), Stop.TIME_LIMIT)]
)
def test_a_budget_is_exact_however_the_run_is_cut(
    spinner: Machine, budget: tuple[int | None, int | None], reason: Stop
) -> None:
    assert run_attended(spinner, Budget(*budget), [Onlooker(700, 13)], clock=lambda: 0.0) is reason
    assert spinner.instructions == spinner.clock.now() == 5_000


def test_a_budget_counts_from_where_the_machine_is(spinner: Machine) -> None:
    spinner.run(1_000)
    budget = Budget.of(spinner, 500, 1.0)
    assert budget.end_instructions == 1_500
    assert budget.end_cycles == 1_000 + 96_000_000


def test_an_attendant_may_end_the_run(spinner: Machine) -> None:
    onlooker = Onlooker(100, ends_at=3)
    assert run_attended(spinner, unlimited(), [onlooker], clock=lambda: 0.0) is Left.USER
    assert onlooker.seen == [100, 200, 300]


def test_without_an_interval_no_clock_cuts_the_run(spinner: Machine) -> None:
    onlooker = Onlooker()

    def clock() -> float:
        raise AssertionError("nobody asked for real time")

    assert run_attended(spinner, Budget(50_000, None), [onlooker], clock=clock) is Stop.LIMIT
    assert onlooker.seen == [50_000]


@pytest.mark.parametrize(("instructions_per_s", "piece"), [(1_000_000, 100_000), (1, 10_000)])
def test_a_piece_takes_about_the_interval_but_is_never_tiny(
    spinner: Machine, instructions_per_s: int, piece: int
) -> None:
    """The first is short, as nobody knows yet how fast the host is."""
    onlooker = Onlooker(interval_s=0.1, ends_at=4)
    run_attended(
        spinner, unlimited(), [onlooker], clock=lambda: spinner.instructions / instructions_per_s
    )
    assert onlooker.seen == [10_000, 10_000 + piece, 10_000 + 2 * piece, 10_000 + 3 * piece]
