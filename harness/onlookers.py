"""Attendants for who looks at a terminal: the console as it comes, and how far the run is."""

from __future__ import annotations

from collections import deque

from emu.machine import Machine, Power, Stop
from harness.attended_run import Clock, End
from harness.report.console_stream import ConsoleStream
from harness.report.outcome import Progress
from harness.report.status_line import StatusLine


class ConsoleFlusher:
    """Has the beginning of a line, such as a prompt, shown soon.

    Args:
        stream: the console's output.
    """

    def __init__(self, stream: ConsoleStream) -> None:
        self._stream = stream
        self.interval_s = 0.05 if stream.is_terminal else None

    def until_cycles(self, _machine: Machine) -> None:
        """Any time."""

    def attend(self, _machine: Machine, end: End | None) -> End | None:
        """Flush it."""
        self._stream.flush()
        return end


class StatusDrawer:
    """Draws the status line a few times a second.

    Args:
        line: where.
        clock: the host's, which the speed is measured by.
    """

    REDRAWN_S = 0.25
    LATELY = 4
    """The speed is that since so many redraws."""

    def __init__(self, line: StatusLine, clock: Clock) -> None:
        self._line = line
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque(maxlen=self.LATELY + 1)
        self.interval_s = self.REDRAWN_S / 2 if line.shown else None

    def until_cycles(self, _machine: Machine) -> None:
        """Any time."""

    def attend(self, machine: Machine, end: End | None) -> End | None:
        """Draw it, if it is time, or if the time of the next piece is unknown."""
        now_s = self._clock()
        is_time = not self._samples or now_s >= self._samples[-1][0] + self.REDRAWN_S
        if self._line.shown and (is_time or end is Stop.IDLE):
            self._samples.append((now_s, machine.instructions))
            self._line.show(self.progress(machine).text())
        return end

    def progress(self, machine: Machine) -> Progress:
        """How far the machine is, and how fast it was when the line was drawn last."""
        (begin_s, begin), (now_s, now) = self._samples[0], self._samples[-1]
        return Progress(
            virtual_s=machine.clock.now() / machine.board.cycles_per_s,
            instructions=machine.instructions,
            instructions_per_s=(now - begin) / (now_s - begin_s) if now_s > begin_s else None,
            vcpus_running=sum(
                power is Power.ON and vcpu.engine.can_go_on
                for power, vcpu in zip(machine.psci.power, machine.vcpus, strict=True)
            ),
            vcpus=len(machine.vcpus),
        )
