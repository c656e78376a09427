"""The link between a network device and its peer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from emu.core.events import FrameDropped
from emu.devices.host import Host
from emu.errors import MachineError

QUEUE_FRAMES_MAX: Final = 500
"""Frames that wait for a guest to take them; more are lost. So it is with a Linux TAP device
(TUN_READQ_SIZE in `drivers/net/tun.c`, v6.12)."""


class Peer(Protocol):
    """What is at the other end of a link. It has one link at a time."""

    def connect(self, host: Host, send: Callable[[bytes], None]) -> None:
        """Be told that the link leads to a machine.

        Args:
            host: the machine, for its time and its deadlines.
            send: sends a frame to the machine's network device.
        """

    def receive(self, frame: bytes) -> None:
        """Take a frame of the guest's, at the time at which it arrives."""


class LinkUser(Protocol):
    """A network device, as its link sees it."""

    name: str

    def frames_wait(self) -> None:
        """Be told that a frame waits to be taken."""


class Link:
    """A link with a latency, the same both ways, in virtual time: frames arrive in the order in
    which they were sent, and always between two instructions of the guest.

    What travels or waits is the network's, and in no snapshot. A link that is plugged into another
    device, as when a machine is thawed, leaves the device it was in; what travels then arrives a
    latency later.

    Args:
        peer: what is at the other end; nothing if None, so that frames are lost there.
        latency_cycles: how long a frame travels; with 0 it arrives before the next instruction.

    Raises:
        MachineError: the latency is negative.
    """

    def __init__(self, peer: Peer | None = None, *, latency_cycles: int = 0) -> None:
        if latency_cycles < 0:
            raise MachineError(
                f"a link has a latency of {latency_cycles} cycles; expected 0 or more"
            )
        self.latency_cycles = latency_cycles
        self._peer = peer
        self._port: Port | None = None
        self._from_guest: deque[bytes] = deque()
        self._to_guest: deque[bytes] = deque()
        self._waiting: deque[bytes] = deque()

    def plug(self, user: LinkUser, host: Host) -> Port:
        """Plug the link into a device of a machine: the device's access to it."""
        self._port = port = Port(self, user, host)
        for _ in self._from_guest:
            self._after_latency(self._arrive_at_peer)
        for _ in self._to_guest:
            self._after_latency(self._arrive_at_guest)
        if self._peer is not None:
            self._peer.connect(host, self._send_to_guest)
        return port

    # --- for the port ------------------------------------------------------------------------

    def leads_to(self, port: Port) -> bool:
        """Whether the link was plugged into nothing since."""
        return port is self._port

    def send(self, frame: bytes) -> None:
        """Send a frame of the guest's."""
        self._from_guest.append(frame)
        self._after_latency(self._arrive_at_peer)

    @property
    def waiting(self) -> deque[bytes]:
        """The frames that have arrived for the guest, and that it has not taken."""
        return self._waiting

    # --- inside ------------------------------------------------------------------------------

    def _send_to_guest(self, frame: bytes) -> None:
        self._to_guest.append(frame)
        self._after_latency(self._arrive_at_guest)

    def _after_latency(self, arrive: Callable[[Port], None]) -> None:
        port = self._port

        def arrive_here() -> None:
            if port is not None and port is self._port:  # else it was plugged elsewhere meanwhile
                arrive(port)

        if port is not None:
            port.host.deadlines.after(self.latency_cycles, arrive_here)

    def _arrive_at_peer(self, _port: Port) -> None:
        frame = self._from_guest.popleft()
        if self._peer is not None:
            self._peer.receive(frame)

    def _arrive_at_guest(self, port: Port) -> None:
        frame = self._to_guest.popleft()
        if len(self._waiting) < QUEUE_FRAMES_MAX:
            self._waiting.append(frame)
            port.user.frames_wait()
        elif port.host.events.active:
            reason = f"{QUEUE_FRAMES_MAX} frames wait already"
            port.host.events.emit(FrameDropped(port.user.name, len(frame), reason))


@dataclass(frozen=True, slots=True, eq=False)
class Port:
    """A device's access to a link. Once the link is plugged in elsewhere it leads nowhere.

    Attributes:
        link: the link.
        user: the device.
        host: the machine.
    """

    link: Link
    user: LinkUser
    host: Host

    def send(self, frame: bytes) -> None:
        """Send a frame of the guest's."""
        if self.link.leads_to(self):
            self.link.send(frame)

    def waiting(self) -> bytes | None:
        """The frame that waits longest for the guest, and goes on waiting; None if none does."""
        return self.link.waiting[0] if self.link.waiting and self.link.leads_to(self) else None

    def take(self) -> None:
        """Take the frame that waits longest."""
        self.link.waiting.popleft()
