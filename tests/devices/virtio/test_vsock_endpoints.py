"""Endpoints of a vsock, and their form on a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.arch.vsock import Operation, ShutdownFlags
from emu.devices.virtio.vsock import Collect, Discard, Feed, ToFile, parse_endpoint
from emu.errors import BackingError, BoardError
from tests.devices.virtio.vsock_guest import BOTH, Guest

PORT = 1024


def test_a_feed_sends_all_and_closes() -> None:
    """To each connection, however little room the guest has."""
    data = bytes(range(256)) * 100
    guest = Guest({PORT: Feed(data)})
    for guest_port in (1025, 1026):
        socket = guest.connect(PORT, guest_port, buf_alloc=1000)
        got = bytearray()
        while not socket.shutdown:
            got += socket.read()
            socket.poll()
        assert got + socket.read() == data
        socket.send_control(Operation.RST)


def test_a_feed_sends_nothing_to_a_stream_that_was_closed_before_it_was_there() -> None:
    guest = Guest()
    guest.device.open_stream(22, Feed(b"late")).close()
    socket = guest.accept(guest.receive()[0])
    socket.poll()
    assert (socket.read(), socket.shutdown) == (b"", BOTH)


def test_a_collect_keeps_all_of_all_connections() -> None:
    endpoint = Collect()
    guest = Guest({PORT: endpoint})
    sockets = [guest.connect(PORT, guest_port) for guest_port in (1025, 1026)]
    for number, socket in enumerate(sockets):
        socket.write(b"from %d " % number)
    sockets[0].close()
    assert endpoint.data == b"from 0 from 1 "
    assert [stream.guest_port for stream in endpoint.streams] == [1025, 1026]
    assert endpoint.gone == 1


@pytest.mark.parametrize("spec", ["echo", "discard", "file:OUT"])
def test_who_takes_all_closes_when_nothing_more_comes(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a guest that has sent its end sees the other one."""
    monkeypatch.chdir(tmp_path)
    guest = Guest({PORT: parse_endpoint(spec)})
    socket = guest.connect(PORT)
    socket.write(b"all")
    socket.close(ShutdownFlags.SEND.mask)
    socket.poll()
    assert socket.shutdown == BOTH


def test_a_file_gets_what_comes(tmp_path: Path) -> None:
    """At once, and instead of what was there."""
    path = tmp_path / "out, and more"
    path.write_bytes(b"before")
    guest = Guest({PORT: parse_endpoint(f"file:{path}")})
    socket = guest.connect(PORT)
    socket.write(b"hello ")
    socket.write(b"world")
    assert path.read_bytes() == b"hello world"


def test_a_file_is_fed(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"from a file")
    guest = Guest({PORT: parse_endpoint(f"feed:{path}")})
    socket = guest.connect(PORT)
    assert socket.read() == b"from a file"


def test_others_are_known_by_name() -> None:
    assert type(parse_endpoint("discard")) is Discard


@pytest.mark.parametrize(
    "text", ["", "ech", "echo:", "echo:x", "file", "file:", "feed:", ":", "discard:x", "Echo"]
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(BoardError, match="expected echo, discard, file:PATH or feed:PATH"):
        parse_endpoint(text)


@pytest.mark.parametrize("form", ["file:{}/none/out", "file:{}", "feed:{}/none", "feed:{}"])
def test_files_that_can_not_be_used_are_refused_at_once(form: str, tmp_path: Path) -> None:
    """Missing folders and files, and folders."""
    with pytest.raises(BackingError, match="by a vsock endpoint"):
        parse_endpoint(form.format(tmp_path))


def test_a_file_that_can_not_be_written_any_more_is_an_error(tmp_path: Path) -> None:
    endpoint = ToFile(tmp_path / "out")
    guest = Guest({PORT: endpoint})
    socket = guest.connect(PORT)
    (tmp_path / "out").unlink()
    (tmp_path / "out").mkdir()
    with pytest.raises(BackingError, match="can't be written"):
        socket.write(b"x")
