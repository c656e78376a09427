"""Whose turn it is: a schedule, and how far it has come."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from emu.errors import ScheduleError
from emu.machine.schedule import Schedule, Turn

PATIENCE = 16
"""After so many load-exclusives that were cut off from their store-exclusive by the end of a
turn, a vCPU gets a turn that is long enough."""

GRACE_INSTRUCTIONS = 128
"""What is long enough: an exclusive sequence that is sure to end has at most 16 instructions
(DDI 0487 K.a, B2.12.5), and the turn may begin in the middle of one that has failed already."""


class Turns:
    """The turns of a schedule, one after the other, each until it is spent or given up.

    A lone vCPU has one turn without end: its schedule is not asked.
    """

    def __init__(self, schedule: Schedule, vcpu_count: int) -> None:
        self._schedule = schedule
        self._vcpu_count = vcpu_count
        self.restart()

    def restart(self) -> None:
        """Begin again with turn 0."""
        self._number = 0
        self._turn: Turn | None = None
        self._left = 0
        self._cut_off = [0] * self._vcpu_count

    def current(self, runnable: Sequence[int]) -> Turn:
        """The turn at hand, with the instructions that are left of it.

        Args:
            runnable: indices of the vCPUs that can run, ascending; not empty.

        Raises:
            ScheduleError: the schedule gave a turn to a vCPU that can't run.
        """
        if self._turn is None or not self._left or self._turn.vcpu not in runnable:
            self._turn = self._begin(runnable, self._turn.vcpu if self._turn else None)
            self._left = self._turn.instructions
        return Turn(self._turn.vcpu, self._left)

    def spend(self, instructions: int) -> None:
        """So many instructions of the turn were executed."""
        self._left -= instructions

    def give_up(self) -> None:
        """The vCPU has nothing to do: what is left of its turn is lost."""
        self._left = 0

    def cut_off(self, vcpu: int) -> None:
        """The vCPU's turn ended between a load-exclusive and its store-exclusive."""
        self._cut_off[vcpu] += 1

    def _begin(self, runnable: Sequence[int], last: int | None) -> Turn:
        if self._vcpu_count == 1:
            return Turn(0, sys.maxsize)  # it would only be cut into slices for nothing
        turn = None
        while turn is None:
            turn = self._schedule.turn(self._number, runnable, last)
            self._number += 1
        vcpu, instructions = turn
        if vcpu not in runnable or instructions < 1:
            raise ScheduleError(
                f"turn {self._number - 1} of {self._schedule} gives vCPU {vcpu} {instructions} "
                f"instructions; expected 1 or more, for one of the vCPUs that can run: {runnable}"
            )
        if self._cut_off[vcpu] >= PATIENCE:
            self._cut_off[vcpu] = 0
            return Turn(vcpu, max(instructions, GRACE_INSTRUCTIONS))
        return turn
