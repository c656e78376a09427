"""Runs the vCPUs of a machine: one at a time, in one virtual time."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import Enum

from emu.core.clock import CYCLES_MAX, VirtualClock
from emu.core.deadlines import Deadlines
from emu.core.events import EventStream, WaitStarted
from emu.cpu import Vcpu
from emu.errors import MachineError
from emu.machine.psci import Power
from emu.machine.schedule import Schedule, Turn
from emu.machine.turns import Turns

SLICE_INSTRUCTIONS_MAX = 1 << 24
"""The most instructions that one call into the core executes."""


class Stop(Enum):
    """Why a run ended."""

    LIMIT = "the instruction limit is reached"
    TIME_LIMIT = "the time limit is reached"
    REQUESTED = "a listener asked for it"
    SYSTEM_OFF = "the guest powered off"
    SYSTEM_RESET = "the guest reset the system"
    IDLE = "every vCPU waits, and nothing will wake it"


class Scheduler:
    """The run loop of a machine.

    A turn of the schedule is cut into slices, one for each call into a core: a slice also ends when
    a timer's line is about to change or a device is about to act, when a limit is reached, and when
    a callback asks for it. How a run is sliced makes no difference to the guest.

    Args:
        vcpus: all vCPUs; the list may still be filled after this is made.
        power: power state of each vCPU.
        schedule: which vCPU runs when.

    Attributes:
        instructions: executed so far, by all vCPUs together.
        deadlines: what devices do by themselves, and when.
    """

    def __init__(
        self,
        vcpus: Sequence[Vcpu],
        power: Sequence[Power],
        *,
        vcpu_count: int,
        clock: VirtualClock,
        events: EventStream,
        schedule: Schedule,
    ) -> None:
        self._vcpus = vcpus
        self._power = power
        self._clock = clock
        self._events = events
        self._turns = Turns(schedule, vcpu_count)
        self._running: Vcpu | None = None
        self._due_cycles = 0
        self.deadlines = Deadlines(clock, self._deadlines_changed)
        self._stop: Stop | None = None
        self._ended: Stop | None = None
        self.instructions = 0

    def run(self, max_instructions: int | None, max_cycles: int | None) -> Stop:
        """Run until something ends it; the limits are exact, and count from here."""
        end = self.instructions + (sys.maxsize if max_instructions is None else max_instructions)
        end_cycles = CYCLES_MAX if max_cycles is None else self._clock.now() + max_cycles
        self.timers_changed()
        while self._ended is None:
            limit = min(end - self.instructions, end_cycles - self._clock.now())
            turn = self._next(end_cycles) if self._stop is None and limit > 0 else None
            if self._stop is not None:
                reason, self._stop = self._stop, None
                return reason
            if self.instructions >= end:
                return Stop.LIMIT
            if self._clock.now() >= end_cycles:
                return Stop.TIME_LIMIT
            if turn is None:
                return Stop.IDLE
            self._run_slice(turn, min(end - self.instructions, end_cycles - self._clock.now()))
        return self._ended

    def interrupt(self, reason: Stop | None = None) -> None:
        """Called back from a run: end the slice exactly before the next instruction.

        With a reason, the run ends there too.
        """
        self._stop = reason or self._stop
        for vcpu in self._vcpus:
            vcpu.engine.stop()

    def end(self, reason: Stop) -> None:
        """Called back from a run: end this run, and all that might follow."""
        self._ended = reason
        self.interrupt()

    def let_pass(self, cycles: int) -> list[int]:
        """Let so much time pass, between two runs, in which no vCPU runs; timers and devices follow
        it. The vCPUs that could have run at its beginning.

        Raises:
            MachineError: virtual time would end before.
        """
        end = self._clock.now() + cycles
        if cycles < 0 or end > CYCLES_MAX:
            raise MachineError(
                f"{cycles} cycles shall pass; expected 0 to {CYCLES_MAX - self._clock.now()}"
            )
        self.timers_changed()
        self._keep_time()
        runnable = self._runnable()
        while (now := self._clock.now()) < end:
            self._clock.advance(min(self._due_cycles, end) - now)
            self._keep_time()
        return runnable

    def timers_changed(self) -> None:
        """When a timer's line changes next has to be found anew."""
        self._due_cycles = 0

    def _deadlines_changed(self) -> None:
        """A device asks for a call that may come before all else."""
        self.timers_changed()
        if self._running is not None:
            self._running.engine.stop()

    def restart(self) -> None:
        """Forget who ran last: the schedule begins again."""
        self._turns.restart()
        self._running = None

    # --- inside ------------------------------------------------------------------------------

    def _next(self, end_cycles: int) -> Turn | None:
        """Whose turn it is, once a vCPU can run; None if none can before the end."""
        self._keep_time()
        runnable = self._runnable()
        while not runnable:
            if not self._let_time_pass(end_cycles):
                return None
            runnable = self._runnable()
        turn = self._turns.current(runnable)
        self._switch_to(self._vcpus[turn.vcpu])
        return turn

    def _on(self) -> list[Vcpu]:
        return [vcpu for vcpu in self._vcpus if self._power[vcpu.index] is Power.ON]

    def _runnable(self) -> list[int]:
        return [vcpu.index for vcpu in self._on() if vcpu.engine.can_go_on]

    def _keep_time(self) -> None:
        """Let the timers' lines and the devices follow the time, if one may have to by now."""
        now = self._clock.now()
        if now < self._due_cycles:
            return
        self.deadlines.run_due()
        on = self._on()
        for vcpu in on:
            vcpu.timer.update()
        left = (vcpu.timer.cycles_to_change() for vcpu in on)
        soonest = self._soonest(left, now)
        self._due_cycles = CYCLES_MAX if soonest is None else soonest

    def _let_time_pass(self, end_cycles: int) -> bool:
        """Jump to where a timer's line rises or a device acts; False if none will by the end."""
        now = self._clock.now()
        soonest = self._soonest((vcpu.timer.cycles_to_rise() for vcpu in self._on()), now)
        if soonest is None or soonest > CYCLES_MAX:
            return False
        self._clock.advance(min(soonest, end_cycles) - now)
        self.timers_changed()
        self._keep_time()
        return soonest < end_cycles

    def _soonest(self, timers: Iterable[int | None], now: int) -> int | None:
        """When the first of the timers or of the deadlines is due; None if none is."""
        due = [now + cycles for cycles in timers if cycles is not None]
        deadline = self.deadlines.next_cycles()
        return min(due if deadline is None else [*due, deadline], default=None)

    def _switch_to(self, vcpu: Vcpu) -> None:
        """Another vCPU goes on: the exclusive monitor of the one before is lost."""
        before, self._running = self._running, vcpu
        if before is None or before is vcpu or not before.engine.has_exclusive:
            return
        before.engine.clear_exclusive()
        self._turns.cut_off(before.index)

    def _run_slice(self, turn: Turn, limit: int) -> None:
        engine, clock = self._vcpus[turn.vcpu].engine, self._clock
        until_due = self._due_cycles - clock.now()
        clock.begin_slice(engine.executed)
        try:
            engine.run(min(SLICE_INSTRUCTIONS_MAX, limit, turn.instructions, until_due))
        finally:
            executed = engine.executed()
            clock.end_slice(executed)
            self.instructions += executed
            self._turns.spend(executed)
        if engine.waiting:
            self._turns.give_up()
            if not engine.can_go_on and self._events.active:
                self._events.emit(WaitStarted(turn.vcpu))
