"""The status line says how far and how fast the run is, a few times a second."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from emu.core.events import ConsoleOutput, Stamped
from emu.machine import Machine, Stop
from harness.guests import boot_guest
from harness.onlookers import ConsoleFlusher, StatusDrawer
from harness.report.console_stream import ConsoleStream
from harness.report.status_line import StatusLine
from tests.harness.report.test_streams import ERASED, Stdout, Terminal


class FakeClock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def machine() -> Iterator[Machine]:
    with boot_guest("echo", vcpu_count=2) as made:
        yield made


def test_the_speed_is_that_of_late(machine: Machine) -> None:
    """Of the last second, not since the run began."""
    clock, terminal = FakeClock(), Terminal()
    drawer = StatusDrawer(StatusLine(terminal), clock)
    drawer.attend(machine, None)
    for step_s in (10.0, 0.25, 0.25, 0.25, 0.25):
        machine.run(80)
        clock.now_s += step_s
        drawer.attend(machine, None)
    first, *_, last = terminal.getvalue().split(ERASED)[1:]
    assert first == "0.000 s of virtual time, 0 M instructions, 1 of 2 vCPUs running"
    assert last == "0.000 s of virtual time, 0 M instructions, 0.0 MIPS, 1 of 2 vCPUs running"
    assert drawer.progress(machine).instructions_per_s == 320.0
    assert machine.run() is Stop.IDLE
    assert drawer.progress(machine).vcpus_running == 0


def test_it_is_drawn_only_a_few_times_a_second(machine: Machine) -> None:
    clock, terminal = FakeClock(), Terminal()
    drawer = StatusDrawer(StatusLine(terminal), clock)
    for _ in range(1000):
        clock.now_s += 0.01
        assert drawer.attend(machine, None) is None
    assert 30 <= terminal.getvalue().count(ERASED) <= 40


def test_it_is_drawn_before_a_wait_for_keys(machine: Machine) -> None:
    """Nothing else may happen for a long time."""
    terminal = Terminal()
    drawer = StatusDrawer(StatusLine(terminal), FakeClock())
    drawer.attend(machine, None)
    assert drawer.attend(machine, Stop.IDLE) is Stop.IDLE
    assert terminal.getvalue().count(ERASED) == 2


def test_in_a_pipe_nothing_is_drawn_and_nobody_needs_to_be_asked(machine: Machine) -> None:
    pipe = io.StringIO()
    drawer = StatusDrawer(StatusLine(pipe), FakeClock())
    drawer.attend(machine, None)
    assert drawer.interval_s is None
    assert pipe.getvalue() == ""


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_prompt_is_shown_soon_on_a_terminal(machine: Machine, is_terminal: bool) -> None:
    stdout = Stdout(is_terminal=is_terminal)
    stream = ConsoleStream(stdout, StatusLine(None))
    flusher = ConsoleFlusher(stream)
    stream(Stamped(0, ConsoleOutput(ord("#"))))
    assert stdout.flushed == 0
    assert flusher.attend(machine, None) is None
    assert stdout.flushed == 1
    assert (flusher.interval_s is not None) is is_terminal
