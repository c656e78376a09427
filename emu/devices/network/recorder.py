"""A recorder of all that passes a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final

from emu.devices.host import Host
from emu.devices.network.link import Peer
from emu.devices.network.pcap import Captured, CaptureWriter

_NS_PER_S: Final = 1_000_000_000


class Recorder:
    """Writes each frame to a capture, with its virtual time, and passes it on.

    It stands at the peer's end of a link: a frame of the guest's is recorded when it arrives there,
    one of the peer's when it is sent.

    Args:
        file: where the capture goes; who opened it closes it.
        peer: who is behind the recorder; None for nobody.
    """

    def __init__(self, file: BinaryIO, peer: Peer | None = None) -> None:
        self._writer = CaptureWriter(file)
        self._peer = peer
        self._host: Host | None = None

    def connect(self, host: Host, send: Callable[[bytes], None]) -> None:
        """Be told that the link leads to a machine."""
        self._host = host

        def record_and_send(frame: bytes) -> None:
            self._record(frame)
            send(frame)

        if self._peer is not None:
            self._peer.connect(host, record_and_send)

    def receive(self, frame: bytes) -> None:
        """Take a frame of the guest's."""
        self._record(frame)
        if self._peer is not None:
            self._peer.receive(frame)

    def _record(self, frame: bytes) -> None:
        host = self._host
        if host is not None:
            time_ns = host.clock.now() * _NS_PER_S // host.cycles_per_s
            self._writer.write(Captured(time_ns, frame))
