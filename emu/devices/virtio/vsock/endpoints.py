"""Endpoints for everyday use."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emu.devices.virtio.vsock.stream import Endpoint, Stream
from emu.errors import BackingError

ECHO_QUEUE_SIZE_BYTES: Final = 64 * 1024
"""How much an `Echo` queues before it waits for the guest."""


class Discard(Endpoint):
    """Takes all that comes, and closes when nothing more does."""

    def ended(self, stream: Stream) -> None:
        """See `Endpoint.ended`."""
        stream.close()


class Echo(Endpoint):
    """Sends back all that comes, and closes when nothing more does.

    A guest that sends and does not receive has to wait, once `ECHO_QUEUE_SIZE_BYTES` are queued.
    """

    def received(self, stream: Stream, data: bytes) -> None:
        """See `Endpoint.received`."""
        if stream.is_open:
            stream.send(data)
        if stream.unsent_size_bytes >= ECHO_QUEUE_SIZE_BYTES:
            stream.pause()

    def drained(self, stream: Stream) -> None:
        """See `Endpoint.drained`."""
        stream.resume()

    def ended(self, stream: Stream) -> None:
        """See `Endpoint.ended`."""
        stream.close()


class Collect(Discard):
    """Keeps all that comes, of all connections.

    Attributes:
        streams: each connection, in the order in which they were opened.
        gone: how many of them are gone, or were refused.
    """

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.gone = 0
        self._data = bytearray()

    @property
    def data(self) -> bytes:
        """What came, in the order in which it did."""
        return bytes(self._data)

    def opened(self, stream: Stream) -> None:
        """See `Endpoint.opened`."""
        self.streams.append(stream)

    def received(self, stream: Stream, data: bytes) -> None:
        """See `Endpoint.received`."""
        self._data += data

    def closed(self, stream: Stream) -> None:
        """See `Endpoint.closed`."""
        self.gone += 1


class Feed(Endpoint):
    """Sends the same to each connection, then closes it; takes all that comes.

    Args:
        data: what is sent.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def opened(self, stream: Stream) -> None:
        """See `Endpoint.opened`."""
        if stream.is_open:
            stream.send(self._data)
            stream.close()


class ToFile(Discard):
    """Writes all that comes to a file, of all connections.

    Args:
        path: the file; what it holds is lost.

    Raises:
        BackingError: it can't be written, here and later on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._write(b"", "wb")

    def received(self, stream: Stream, data: bytes) -> None:
        """See `Endpoint.received`."""
        self._write(data, "ab")

    def _write(self, data: bytes, mode: str) -> None:
        try:
            with self._path.open(mode) as file:
                file.write(data)
        except OSError as error:
            raise BackingError(
                f"{self._path} can't be written by a vsock endpoint: {error.strerror}"
            ) from error
