"""Schedules as the command line has them."""

from __future__ import annotations

from emu.errors import ScheduleError
from emu.machine.schedule import Explicit, RoundRobin, Schedule, Shuffled, Turn

FORMS = "`round-robin`, `shuffled:SEED`, or turns as `VCPU:INSTRUCTIONS,…`"


def parse_schedule(text: str, quantum: int) -> Schedule:
    """The schedule that `text` says, with turns of `quantum` instructions.

    `round-robin` gives every vCPU a turn of that length; `shuffled:SEED` a random one turns of up
    to that length; a list of turns is followed, and then comes `round-robin`.

    >>> parse_schedule("shuffled:7", 100)
    Shuffled(seed=7, quantum_max=100)
    >>> parse_schedule("1:50,0:3", 100).turns
    (Turn(vcpu=1, instructions=50), Turn(vcpu=0, instructions=3))

    Raises:
        ScheduleError: it says none, or one that makes no sense.
    """
    if text == "round-robin":
        return RoundRobin(quantum)
    kind, _, seed = text.partition(":")
    try:
        if kind == "shuffled":
            return Shuffled(int(seed), quantum)
        turns = (turn.split(":") for turn in text.split(","))
        return Explicit(tuple(Turn(int(v), int(n)) for v, n in turns), RoundRobin(quantum))
    except ValueError:
        raise ScheduleError(f"{text!r} is no schedule: expected {FORMS}") from None
