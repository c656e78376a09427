"""Peers for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emu.devices.host import Host


class Station:
    """A peer that keeps what it gets, and sends what it is told to."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self._send: Callable[[bytes], None] | None = None

    def connect(self, _host: Host, send: Callable[[bytes], None]) -> None:
        self._send = send

    def receive(self, frame: bytes) -> None:
        self.received.append(frame)

    def send(self, *frames: bytes) -> None:
        assert self._send is not None, "the link is plugged into nothing"
        for frame in frames:
            self._send(frame)


class Guest:
    """A network device of a machine, as a link sees it."""

    name = "eth0"

    def __init__(self) -> None:
        self.told = 0

    def frames_wait(self) -> None:
        self.told += 1


def ethernet_frame(payload: bytes | Sequence[int] = b"") -> bytes:
    """A frame from one station to another."""
    return bytes.fromhex("0600ac1000010600ac100002 88b5") + bytes(payload)
