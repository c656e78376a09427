"""The same machine runs the same way: however it is sliced, and whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from itertools import chain, repeat

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from emu.core.events import Stamped
from emu.machine import Machine, Stop, differences
from firmware.layout import Arguments, Window
from harness.guests import boot_guest
from harness.trace import Trace, record, trace_differences

RAM_SIZE_BYTES = 6 << 20

GUESTS: dict[str, Callable[[], Machine]] = {
    "heartbeat": lambda: boot_guest("heartbeat", ram_size_bytes=RAM_SIZE_BYTES),
    **{
        f"quiet {window.name}": lambda window=window: boot_guest(  # type: ignore[misc]
            "quiet",
            arguments=Arguments(mode=window, ticks=8, tick_period=100, rounds=3),
            ram_size_bytes=RAM_SIZE_BYTES,
        )
        for window in Window
    },
}

guests = st.sampled_from(sorted(GUESTS))


@cache
def in_one_go(guest: str, instructions: int | None = None) -> Trace:
    """The run that all others must be like."""
    with GUESTS[guest]() as machine:
        return record(machine, instructions)


def in_slices(guest: str, sizes: Iterable[int]) -> Trace:
    """A run that is stopped after so many instructions each."""
    with GUESTS[guest]() as machine:
        events: list[Stamped] = []
        machine.events.subscribe(events.append)
        stop = Stop.LIMIT
        for size in sizes:
            before = machine.instructions
            stop = machine.run(size)
            if stop is not Stop.LIMIT:
                break
            assert machine.instructions == before + size
        return Trace(
            tuple(events), stop, machine.instructions, bytes(machine.console), machine.state()
        )


@pytest.mark.parametrize("guest", GUESTS)
def test_one_instruction_at_a_time_is_the_same_run(guest: str) -> None:
    """The same events at the same times, and the same state in the end."""
    whole = in_one_go(guest)
    assert whole.stop is Stop.SYSTEM_OFF
    assert list(trace_differences(whole, in_slices(guest, repeat(1)))) == []


@given(guest=guests, sizes=st.lists(st.integers(1, 400), min_size=1, max_size=30))
@example(guest="quiet PMR", sizes=[2])
@example(guest="heartbeat", sizes=[7])
def test_a_run_in_slices_is_the_same_run(guest: str, sizes: list[int]) -> None:
    slices = chain(sizes, repeat(sizes[-1]))
    assert list(trace_differences(in_one_go(guest), in_slices(guest, slices))) == []


@given(data=st.data(), guest=guests, instructions=st.integers(1, 3500))
def test_the_state_at_any_instruction_does_not_depend_on_how_it_was_reached(
    data: st.DataObject, guest: str, instructions: int
) -> None:
    cuts = data.draw(st.lists(st.integers(0, instructions), max_size=10).map(sorted))
    sizes = [b - a for a, b in zip([0, *cuts], [*cuts, instructions], strict=True)]
    with GUESTS[guest]() as machine:
        machine.run(instructions)
        whole = machine.state()
    assert list(differences(whole, in_slices(guest, sizes).state)) == []


@pytest.mark.parametrize("guest", GUESTS)
def test_listening_changes_nothing(guest: str) -> None:
    with GUESTS[guest]() as machine:
        stop = machine.run()
        assert stop is in_one_go(guest).stop
        assert machine.instructions == in_one_go(guest).instructions
        assert list(differences(machine.state(), in_one_go(guest).state)) == []


@given(guest=guests, sizes=st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_stopping_at_events_changes_nothing(guest: str, sizes: list[int]) -> None:
    """A listener that stops the machine at every so manieth event sees the same run."""
    with GUESTS[guest]() as machine:
        events: list[Stamped] = []
        due = iter(chain(sizes, repeat(10**9)))
        left = next(due)

        def listen(stamped: Stamped) -> None:
            nonlocal left
            events.append(stamped)
            left -= 1
            if left == 0:
                left = next(due)
                machine.stop()

        machine.events.subscribe(listen)
        while machine.run() is Stop.REQUESTED:
            pass
        assert tuple(events) == in_one_go(guest).events
        assert list(differences(machine.state(), in_one_go(guest).state)) == []


def test_two_machines_at_once_do_not_disturb_each_other() -> None:
    guest = "quiet HANDLER"
    with GUESTS[guest]() as first, GUESTS[guest]() as second:
        while first.run(97) is Stop.LIMIT:
            second.run(89)
        second.run()
        for machine in (first, second):
            assert list(differences(machine.state(), in_one_go(guest).state)) == []
