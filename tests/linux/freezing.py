"""Finds a moment to freeze a machine: in the middle of what its guest does with virtio devices."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter
from typing import Self

from emu.core.events import MmioAccess, Stamped
from emu.machine import Machine
from emu.machine.state import ConnectedState
from tests.linux.device_session import vsock_of

_NOTIFIED = attrgetter("virtio.notified")
"""Of the state of a device of any type."""
_CONNECTIONS = 2


@dataclass(frozen=True, slots=True)
class InFlight:
    """What virtio devices are about.

    Attributes:
        interrupting: ids of those that have an interrupt which the driver has not acknowledged.
        notified: ids of those that have yet to look at a queue.
        connections: how many connections vsock has.
    """

    interrupting: Sequence[str]
    notified: Sequence[str]
    connections: int

    @classmethod
    def of(cls, machine: Machine) -> Self:
        """In this machine, between two instructions."""
        states = {name: ConnectedState.of(found) for name, found in machine.virtio.items()}
        return cls(
            [name for name, it in states.items() if it.transport.interrupt_status],
            [name for name, it in states.items() if _NOTIFIED(it.device)],
            vsock_of(machine).connections,
        )

    def has(self, busy: Set[str]) -> bool:
        """Whether these devices are about something, and both connections of the session open."""
        return busy <= {*self.interrupting, *self.notified} and self.connections == _CONNECTIONS


class Watch:
    """A listener that stops a machine after each access of a driver to a register of a virtio
    device, from when it begins until the moment has come.

    Args:
        machine: the machine.
        busy: ids of devices that have something in flight by then, besides vsock's connections.
    """

    def __init__(self, machine: Machine, busy: Collection[str]) -> None:
        self._machine = machine
        self._busy = frozenset(busy)
        self._has_begun = False

    def begin(self, _: Machine) -> None:
        """Begin."""
        self._has_begun = True

    def __call__(self, stamped: Stamped) -> None:
        """Listen."""
        event = stamped.event
        is_device = isinstance(event, MmioAccess) and event.window.startswith("virtio-")
        if self._has_begun and is_device:
            self._machine.stop()

    def has_come(self) -> bool:
        """Whether this is the moment."""
        return self._has_begun and InFlight.of(self._machine).has(self._busy)
