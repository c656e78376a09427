"""A device under test: how it is built, driven and judged. This is all that a property knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from emu.core.ports import MmioWindow
from harness.properties.devices.actions import Action
from harness.properties.devices.world import Notes, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device in a world.

    Attributes:
        window: its registers.
        capture: gives a copy of all its state, a value that compares by its fields.
        apply: lets it become such a state.
        outside: what can happen at its other side, by the name in `Outside`.
    """

    window: MmioWindow
    capture: Callable[[], Any]
    apply: Callable[[Any], None]
    outside: Mapping[str, Callable[[Any], None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action, and what could be seen of it.

    Attributes:
        action: what was done.
        value: what was loaded; None if the action is no load.
        notes: what happened.
        before: the device's state before it.
        after: the device's state after it.
        memory_before: guest memory before it.
        memory_after: guest memory after it.
        line_is_high: the level of the interrupt line after it.
    """

    action: Action
    value: int | None
    notes: Notes
    before: Any
    after: Any
    memory_before: bytes
    memory_after: bytes
    line_is_high: bool


Drive = Callable[[Random, World], Iterator[Action]]
"""A driver: does one thing after the other without end, as the random numbers want it. It may look
at memory in between. It keeps to the rules mostly, and begins with setting the device up, whatever
state that is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceUnderTest:
    """A device and what is known of it. To register one is to make one, and put it into a list.

    Attributes:
        name: what it is called in reports.
        build: makes one as its machine does, in a world; what stands behind it comes from there.
        reset_state: what `Device.capture` of a fresh one gives, in a new world.
        reset_reads: what its registers read then, by offset and size in bytes. Sources are the
            data sheets and not the model.
        drive: a driver.
        interrupt_faults: what of a step's interrupts is not as the device's rules ask for it.
        is_alive: whether the steps of a driver that keeps to the rules show that it does its work.
        resets: how a guest resets it; nothing if it can't.
        kept: what of a state a reset keeps: gives the state after it for the one before.
        interrupts_on_apply: what its line sees when it becomes a state, by design.
        offsets: where its registers are, for random accesses; they go elsewhere as well.
        window_size_bytes: how large its window is.
        world: makes what is around it.
    """

    name: str
    build: Callable[[World], Device]
    reset_state: Any
    reset_reads: Mapping[tuple[int, int], int]
    drive: Drive
    interrupt_faults: Callable[[Step], Iterable[str]]
    is_alive: Callable[[list[Step]], bool]
    resets: tuple[Action, ...] = ()
    kept: Callable[[Any], Any] | None = None
    interrupts_on_apply: Callable[[Any], list[str]] = lambda _state: []
    offsets: tuple[int, ...] = (0,)
    window_size_bytes: int = 0x1000
    world: Callable[[], World] = World

    def __str__(self) -> str:
        return self.name
