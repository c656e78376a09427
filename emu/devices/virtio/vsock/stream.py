"""What a connection is to the host's end of it: a stream, and an endpoint that uses it.

All is called while the device does its work, or a user does something between two instructions.
An endpoint may use its stream, or any other, whenever it is called: what it sends is on its way
when the device gets to it.
"""

from __future__ import annotations

from typing import Protocol


class Stream(Protocol):
    """The host's end of a connection with the guest: bytes both ways, each once and in order."""

    @property
    def host_port(self) -> int:
        """The port here, 32 bits."""

    @property
    def guest_port(self) -> int:
        """The port there, 32 bits."""

    @property
    def is_open(self) -> bool:
        """Whether data can be sent: it is not closed here, and the guest still receives."""

    @property
    def unsent_size_bytes(self) -> int:
        """How much waits until the guest has room for it."""

    def send(self, data: bytes) -> None:
        """Queue data for the guest. It is lost if the guest takes no more, as with any socket.

        Raises:
            MachineError: the stream was closed from here.
        """

    def close(self) -> None:
        """Send what is queued, then tell the guest that nothing more is sent or received. May be
        said twice.
        """

    def abort(self) -> None:
        """Break the connection; what is queued is lost."""

    def pause(self) -> None:
        """Take no data: the guest can send until the buffer of 64 KiB is full, and then waits."""

    def resume(self) -> None:
        """Take data again."""


class Endpoint:
    """What uses the streams of a port of the host. This one does nothing with them: a subclass
    overrides what it is interested in.
    """

    def opened(self, stream: Stream) -> None:
        """A connection is there. The guest's answer to one from here was that it accepts it."""

    def received(self, stream: Stream, data: bytes) -> None:
        """The guest has sent this, at least one byte."""

    def drained(self, stream: Stream) -> None:
        """All that was queued has gone to the guest, or is lost because it takes no more."""

    def ended(self, stream: Stream) -> None:
        """The guest will send no more, and may still receive."""

    def closed(self, stream: Stream) -> None:
        """The connection is gone, or was refused; nothing comes after this."""
