"""A cable between two machines, each in a time of its own."""

from __future__ import annotations

from collections.abc import Callable

from emu.devices.host import Host
from emu.devices.network.link import Peer


class Cable:
    """Joins two links, of two machines. What one sends reaches the other when the cable is told to
    `exchange`, so that it does not matter which of the machines runs first in between.
    """

    def __init__(self) -> None:
        self._ends = (_End(), _End())

    @property
    def ends(self) -> tuple[Peer, Peer]:
        """The peers for the two links."""
        return self._ends

    def exchange(self) -> None:
        """Send on what has arrived at either end, in order."""
        first, second = self._ends
        from_first, from_second = first.take(), second.take()
        first.send(from_second)
        second.send(from_first)


class _End:
    """One end: a peer of the link there."""

    def __init__(self) -> None:
        self._outbox: list[bytes] = []
        self._send: Callable[[bytes], None] | None = None

    def connect(self, _host: Host, send: Callable[[bytes], None]) -> None:
        """Be told that the link leads to a machine."""
        self._send = send

    def receive(self, frame: bytes) -> None:
        """A frame of the guest's waits for the next exchange."""
        self._outbox.append(frame)

    def take(self) -> list[bytes]:
        """What has arrived since."""
        taken, self._outbox = self._outbox, []
        return taken

    def send(self, frames: list[bytes]) -> None:
        """Send to the machine at this end; what comes before it is connected is lost."""
        if self._send is not None:
            for frame in frames:
                self._send(frame)
