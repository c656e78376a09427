"""Captures the states of a machine's virtio devices, and loads them into the same devices again."""

from __future__ import annotations

from emu.core.events import MmioAccess, Stamped
from emu.devices.virtio.mmio import VirtioMmio
from emu.machine import Machine
from emu.machine.state import ConnectedState, differences


class Reloader:
    """A listener that stops a machine after every so many accesses of a driver to a register of a
    virtio device, wherever that is: between two steps of its setup, with requests in flight, with
    an interrupt that is not acknowledged. Then, before the next instruction, it reloads them all.

    Args:
        machine: the machine.
        every: how many accesses there are from one stop to the next.

    Attributes:
        count: how often it did.
    """

    def __init__(self, machine: Machine, every: int) -> None:
        self.count = 0
        self._machine = machine
        self._every = every
        self._seen = 0
        self._is_time = False

    def __call__(self, stamped: Stamped) -> None:
        """Listen."""
        event = stamped.event
        if isinstance(event, MmioAccess) and event.window.startswith("virtio-"):
            self._seen += 1
            if self._seen % self._every == 0:
                self._is_time = True
                self._machine.stop()

    def act(self) -> None:
        """Reload, if it is time."""
        if self._is_time:
            self._is_time = False
            self.count += 1
            for connected in self._machine.virtio.values():
                _reload(connected)


def _reload(connected: VirtioMmio) -> None:
    before = ConnectedState.of(connected)
    before.load_into(connected)
    lost = list(differences(before, ConnectedState.of(connected), connected.device.name))
    if lost:
        raise AssertionError(f"a state that was loaded is another one: {'; '.join(lost)}")
