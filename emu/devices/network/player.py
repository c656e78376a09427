"""A peer that sends what was captured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from emu.devices.host import Host
from emu.devices.network.packets import MAC_SIZE_BYTES
from emu.devices.network.pcap import Captured

_NS_PER_S: Final = 1_000_000_000


class Player:
    """Sends the frames of a capture, each at its time; what the guest sends is lost.

    A link that is plugged into another machine goes on with the frames that were not sent; those
    whose time is past there are sent at once.

    Args:
        capture: the frames, in the order in which they are sent.
        first_ns: virtual time at which the first frame of the capture is sent, in nanoseconds, and
            the others as much later as they are in the capture; by default each is sent at the
            time that the capture has, as fits a capture that a `Recorder` made.
        guest_mac: frames from this address are left out: the guest's own, in a capture that has
            both directions.
    """

    def __init__(
        self,
        capture: Sequence[Captured],
        *,
        first_ns: int | None = None,
        guest_mac: bytes | None = None,
    ) -> None:
        self._frames = [c for c in capture if _source(c.frame) != guest_mac]
        self._shift_ns = 0 if first_ns is None or not capture else first_ns - capture[0].time_ns
        self._next = 0
        self._send: Callable[[bytes], None] | None = None

    def connect(self, host: Host, send: Callable[[bytes], None]) -> None:
        """Be told that the link leads to a machine."""
        self._send = send
        self._wait(host)

    def receive(self, _frame: bytes) -> None:
        """A frame of the guest's: nobody is there."""

    def _wait(self, host: Host) -> None:
        if self._next == len(self._frames):
            return
        send, time_ns = self._send, self._frames[self._next].time_ns + self._shift_ns

        def play() -> None:
            if self._send is send and send is not None:  # else the link is elsewhere meanwhile
                frame = self._frames[self._next].frame
                self._next += 1
                send(frame)
                self._wait(host)

        host.deadlines.at(-(-time_ns * host.cycles_per_s // _NS_PER_S), play)


def _source(frame: bytes) -> bytes:
    return frame[MAC_SIZE_BYTES : 2 * MAC_SIZE_BYTES]
