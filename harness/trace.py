"""The trace of a run: what happened, when, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from emu.core.events import Stamped
from emu.machine import Machine, MachineState, Stop, differences

INSTRUCTIONS_MAX = 1_000_000
"""A firmware guest that has not ended after so many hangs."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A run, so that two of them can be compared.

    Attributes:
        events: every event, in order, with its virtual time.
        stop: why the run ended.
        instructions: executed in this run.
        console: what the guest sent to its serial console in this run.
        state: the machine at the end.
    """

    events: tuple[Stamped, ...]
    stop: Stop
    instructions: int
    console: bytes
    state: MachineState


def record(machine: Machine, max_instructions: int | None = None) -> Trace:
    """Run `machine` and keep what happens; raises as `Machine.run`."""
    events: list[Stamped] = []
    before = machine.instructions
    printed = len(machine.console)
    unsubscribe = machine.events.subscribe(events.append)
    try:
        stop = machine.run(max_instructions)
    finally:
        unsubscribe()
    return Trace(
        events=tuple(events),
        stop=stop,
        instructions=machine.instructions - before,
        console=bytes(machine.console[printed:]),
        state=machine.state(),
    )


def trace_differences(left: Trace, right: Trace) -> Iterator[str]:
    """How two runs differ: the first differing event, then the ends."""
    for index, (a, b) in enumerate(zip_longest(left.events, right.events)):
        if a != b:
            yield f"event {index}: {a} != {b}"
            break
    for name in ("stop", "instructions", "console"):
        a, b = getattr(left, name), getattr(right, name)
        if a != b:
            yield f"{name}: {a!r} != {b!r}"
    yield from differences(left.state, right.state)
