"""What a device that acts by itself gets of the machine that it is in."""

from __future__ import annotations

from dataclasses import dataclass

from emu.core.deadlines import Deadlines
from emu.core.events import EventStream
from emu.core.ports import Clock, Entropy, GuestMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine, as its devices see it.

    Attributes:
        memory: guest RAM.
        clock: virtual time.
        cycles_per_s: cycles of that in one second.
        deadlines: for what a device does by itself, later.
        events: everything that happens.
        entropy: what random numbers are drawn from.
        latency_cycles: how long after a notification a device looks at the queue; with 0 it does
            so before the driver's next instruction. A real monitor's event loop takes a while.
    """

    memory: GuestMemory
    clock: Clock
    cycles_per_s: int
    deadlines: Deadlines
    events: EventStream
    entropy: Entropy
    latency_cycles: int = 0
