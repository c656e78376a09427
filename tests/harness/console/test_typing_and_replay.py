"""Who types gets the guest to answer; and a recording of that gives the same run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from emu.core.events import Stamped
from emu.errors import InputRecordingError
from emu.machine import Machine, MachineState, Stop, differences
from firmware.layout import Arguments, Window
from harness.attended_run import Attendant, Budget, End, Left, run_attended
from harness.console.console_input import ConsoleInput
from harness.console.pacing import Pacer
from harness.console.recording import Arrival
from harness.console.replay import Replay
from harness.console.typist import Typist
from harness.guests import boot_guest

GREETING = b"echo: Ctrl-D powers off\n"


class World:
    """A user with a clock: time passes only while she is waited for. What she types is a script.

    Attributes:
        now_s: her time.
        waits: how long each wait was; None for one without an end.
    """

    def __init__(self, script: Iterable[tuple[float, bytes]]) -> None:
        self._script = list(script)
        self.now_s = 0.0
        self.waits: list[float | None] = []

    def clock(self) -> float:
        return self.now_s

    def read(self, timeout_s: float | None) -> bytes:
        """Keys have their time; who waits for ever gets the next, and finds nobody at the end."""
        self.waits.append(timeout_s)
        if not self._script and timeout_s is None:
            raise EOFError
        at_s = self._script[0][0] if self._script else float("inf")
        if timeout_s is not None and at_s > self.now_s + timeout_s:
            self.now_s += timeout_s
            return b""
        self.now_s = max(self.now_s, at_s)
        return self._script.pop(0)[1]


class Run:
    """What came of a run."""

    def __init__(self, machine: Machine, attendants: Iterable[Attendant], seconds: float) -> None:
        self.events: list[Stamped] = []
        machine.events.subscribe(self.events.append)
        budget = Budget.of(machine, None, seconds)
        self.end: End = run_attended(machine, budget, list(attendants), clock=lambda: 0.0)
        self.console = bytes(machine.console)
        self.state: MachineState = machine.state()
        self.instructions = machine.instructions


def echo(ticks: int = 0) -> Machine:
    """The guest that sends back what it receives."""
    ticking = Arguments(mode=Window.NONE, ticks=ticks, tick_period=240_000, rounds=0)
    return boot_guest("echo", arguments=ticking)


def typed(
    script: Iterable[tuple[float, bytes]],
    *,
    ticks: int = 0,
    seconds: float = 5.0,
    show_help: Callable[[], None] = lambda: None,
) -> tuple[Run, list[Arrival], World]:
    """A session in which somebody types; its recording."""
    world, recording = World(script), list[Arrival]()
    with echo(ticks) as machine:
        typist = Typist(
            machine,
            keyboard=world,
            console=ConsoleInput(machine, recording.append),
            pacer=Pacer(world.clock),
            show_help=show_help,
        )
        return Run(machine, [typist], seconds), recording, world


def replayed(recording: Iterable[Arrival], *, ticks: int = 0, seconds: float = 5.0) -> Run:
    with echo(ticks) as machine:
        return Run(machine, [Replay(recording, ConsoleInput(machine))], seconds)


def assert_same(one: Run, other: Run) -> None:
    assert other.end is one.end
    assert other.instructions == one.instructions
    assert other.events == one.events
    assert list(differences(one.state, other.state)) == []


# --- typing -------------------------------------------------------------------------------------


def test_a_guest_that_waits_for_ever_waits_for_keys() -> None:
    run, recording, world = typed([(3, b"hello\r"), (60, b"\x04")])
    assert run.end is Stop.SYSTEM_OFF
    assert run.console == GREETING + b"hello\r\n"
    assert [each.data for each in recording] == [b"hello\r", b"\x04"]
    assert None in world.waits


def test_the_end_of_the_terminal_ends_the_run() -> None:
    run, recording, _ = typed([(3, b"a")])
    assert run.end is Left.USER
    assert recording[-1].data is None


def test_who_leaves_ends_the_run_and_what_she_typed_before_has_arrived() -> None:
    run, recording, _ = typed([(3, b"a\x01xb")])
    assert run.end is Left.USER
    assert [each.data for each in recording] == [b"a", None]


def test_help_is_shown_and_the_guest_sees_nothing_of_it() -> None:
    shown = list[int]()
    script = [(1, b"\x01"), (2, b"h"), (3, b"\x04")]
    run, recording, _ = typed(script, show_help=lambda: shown.append(1))
    assert shown == [1]
    assert run.end is Stop.SYSTEM_OFF
    assert [each.data for each in recording] == [b"\x04"]


def test_virtual_time_passes_with_real_time_while_the_guest_waits() -> None:
    """It ticks for a second, and only in its waits."""
    run, recording, world = typed([(1.0, b"\x04")], ticks=1000)
    assert run.end is Stop.SYSTEM_OFF
    cycles_per_s = 96_000_000
    assert recording[0].cycles / cycles_per_s == pytest.approx(1.0, abs=0.03)
    assert world.now_s == 1.0
    assert None not in world.waits


def test_a_guest_that_works_is_asked_for_keys_but_never_held_back() -> None:
    world = World([])
    with boot_guest("quiet", arguments=Arguments(Window.NONE, 1, 10, 1 << 40)) as machine:
        typist = Typist(
            machine,
            keyboard=world,
            console=ConsoleInput(machine),
            pacer=Pacer(world.clock),
            show_help=lambda: None,
        )
        assert Run(machine, [typist], 0.1).end is Stop.TIME_LIMIT
    assert len(world.waits) >= 5
    assert sum(wait or 0 for wait in world.waits) < 0.001


# --- replaying ----------------------------------------------------------------------------------

keys = st.binary(min_size=1, max_size=40).map(lambda typed: typed.replace(b"\x01", b"x"))
scripts = st.lists(st.tuples(st.floats(0, 0.2), keys), max_size=6).map(sorted)


@settings(max_examples=15)  # each runs two machines
@given(script=scripts, ticks=st.sampled_from([0, 3, 1000]))
def test_a_replayed_run_is_the_same_run(script: list[tuple[float, bytes]], ticks: int) -> None:
    """The same events at the same times, and the same state in the end, whatever was typed when."""
    run, recording, _ = typed(script, ticks=ticks, seconds=0.25)
    assert_same(run, replayed(recording, ticks=ticks, seconds=0.25))


def test_a_replay_is_recorded_as_what_it_replays() -> None:
    _, recording, _ = typed([(0.1, b"a"), (0.2, b"b\r"), (0.3, b"\x01x")], ticks=100)
    again: list[Arrival] = []
    with echo(100) as machine:
        Run(machine, [Replay(recording, ConsoleInput(machine, again.append))], 5)
    assert again == recording


def test_the_same_keys_at_another_time_are_another_run() -> None:
    """So that the tests above compare something."""
    early, late = (typed([(at_s, b"a\x04")], ticks=100)[0] for at_s in (0.1, 0.15))
    assert early.end is late.end is Stop.SYSTEM_OFF
    assert early.events != late.events


def test_a_replay_whose_guest_waits_for_ever_is_refused() -> None:
    """When it was recorded a timer woke it."""
    _, recording, _ = typed([(0.1, b"a"), (0.2, b"\x04")], ticks=100)
    with pytest.raises(InputRecordingError, match=r"not the run that was recorded: at cycle \d+"):
        replayed(recording, ticks=0)


def test_a_replay_whose_guest_powers_off_too_early_is_refused() -> None:
    _, recording, _ = typed([(0.1, b"\x04")], ticks=100)
    (last,) = recording
    later = replace(last, cycles=last.cycles + 10_000)
    with pytest.raises(InputRecordingError, match="not the run that was recorded"):
        replayed([last, later], ticks=100)


def test_a_replay_that_has_executed_another_number_of_instructions_is_refused() -> None:
    _, recording, _ = typed([(0.1, b"a")], ticks=100)
    wrong = replace(recording[0], instructions=recording[0].instructions - 1)
    with pytest.raises(InputRecordingError, match="not the run that was recorded"):
        replayed([wrong], ticks=100)


def test_a_replay_that_begins_too_late_is_refused() -> None:
    with echo() as machine:
        machine.run(100)
        with pytest.raises(InputRecordingError, match="not the run that was recorded"):
            Run(machine, [Replay([Arrival(99, 99, b"a")], ConsoleInput(machine))], 1)


def test_a_limit_may_end_a_replay_early() -> None:
    _, recording, _ = typed([(0.1, b"a"), (0.2, b"\x04")], ticks=100)
    assert replayed(recording, ticks=100, seconds=0.15).end is Stop.TIME_LIMIT
