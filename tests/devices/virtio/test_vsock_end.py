"""How connections of a vsock end."""

from __future__ import annotations

import pytest

from emu.arch.vsock import Operation, ShutdownFlags
from emu.devices.virtio.vsock import Discard, Echo
from emu.devices.virtio.vsock.connection import SHUTDOWN_TIMEOUT_MS
from emu.devices.virtio.vsock.connections import LOCAL_PORT_FIRST
from emu.errors import MachineError
from tests.devices.virtio.vsock_guest import BOTH, CYCLES_PER_MS, Guest, Log

PORT = 1024


def test_the_guest_closes() -> None:
    """SHUTDOWN of both kinds is answered by RST (5.10.6.5)."""
    log = Log()
    guest = Guest({PORT: log})
    socket = guest.connect(PORT)
    socket.close()
    assert guest.operations() == ["RST"]
    assert log.told == ["opened", "closed"]
    assert guest.device.connections == 0


def test_the_guest_closes_one_way_after_the_other() -> None:
    """What it has said once, it need not say again."""
    log = Log()
    guest = Guest({PORT: log})
    socket = guest.connect(PORT)
    socket.close(ShutdownFlags.SEND.mask)
    assert guest.operations() == []
    assert log.told == ["opened", "ended"]
    socket.close(ShutdownFlags.RECEIVE.mask)
    assert guest.operations() == ["RST"]
    assert log.told == ["opened", "ended", "closed"]


def test_a_guest_that_sends_no_more_can_still_receive() -> None:
    guest = Guest({PORT: Echo()})
    socket = guest.connect(PORT)
    socket.write(b"ping")
    socket.close(ShutdownFlags.SEND.mask)
    socket.poll()
    assert socket.read() == b"ping"
    assert socket.shutdown == BOTH


def test_a_guest_that_receives_no_more_can_still_send() -> None:
    """And what is queued for it is lost."""
    log = Log()
    guest = Guest()
    stream = guest.device.open_stream(22, log)
    socket = guest.accept(guest.receive()[0], buf_alloc=4)
    stream.send(b"more than there is room for")
    socket.close(ShutdownFlags.RECEIVE.mask)
    assert not stream.is_open
    assert stream.unsent_size_bytes == 0
    socket.write(b"still here")
    assert log.told == ["opened", "drained", "received b'still here'"]


def test_the_host_closes_when_all_is_sent() -> None:
    log = Log()
    guest = Guest()
    stream = guest.device.open_stream(22, log)
    socket = guest.accept(guest.receive()[0], buf_alloc=4)
    stream.send(b"abcdefgh")
    stream.close()
    stream.close()
    socket.poll()
    assert (socket.read(), socket.shutdown) == (b"abcd", 0)
    socket.poll()
    assert (socket.read(), socket.shutdown) == (b"efgh", BOTH)
    assert "closed" not in log.told
    socket.send_control(Operation.RST)
    assert log.told == ["opened", "drained", "closed"]
    with pytest.raises(MachineError, match="was closed"):
        stream.send(b"late")


def test_the_host_breaks_a_connection() -> None:
    log = Log()
    guest = Guest()
    stream = guest.device.open_stream(22, log)
    socket = guest.accept(guest.receive()[0])
    stream.abort()
    socket.poll()
    assert socket.is_reset
    assert log.told == ["opened", "closed"]


def test_a_shutdown_that_is_not_answered_expires() -> None:
    """Firecracker's `CONN_SHUTDOWN_TIMEOUT_MS`; 5.10.6.5 asks for an RST then."""
    guest = Guest()
    stream = guest.device.open_stream(22, Discard())
    socket = guest.accept(guest.receive()[0])
    stream.close()
    guest.bench.advance(SHUTDOWN_TIMEOUT_MS * CYCLES_PER_MS - 1)
    socket.poll()
    assert (socket.shutdown, socket.is_reset) == (BOTH, False)
    guest.bench.advance(1)
    socket.poll()
    assert socket.is_reset
    assert guest.device.connections == 0


def test_an_endpoint_that_does_not_take_the_rest_has_it_taken_away() -> None:
    """A guest that has closed waits for the endpoint to take what it sent, for 2 s."""
    log = Log()
    guest = Guest()
    stream = guest.device.open_stream(22, log)
    socket = guest.accept(guest.receive()[0])
    stream.pause()
    socket.write(b"the rest")
    socket.close()
    guest.bench.advance(SHUTDOWN_TIMEOUT_MS * CYCLES_PER_MS - 1)
    assert guest.operations() == []
    guest.bench.advance(1)
    assert guest.operations() == ["RST"]
    assert log.told == ["opened", "closed"]


def test_an_endpoint_that_takes_the_rest_ends_the_connection() -> None:
    log = Log()
    guest = Guest()
    stream = guest.device.open_stream(22, log)
    socket = guest.accept(guest.receive()[0])
    stream.pause()
    socket.write(b"the rest")
    socket.close()
    stream.resume()
    assert guest.operations() == ["RST"]
    assert log.told == ["opened", "received b'the rest'", "closed"]


def test_after_a_reset_of_the_device_there_are_no_connections() -> None:
    """As in Firecracker's main branch: local ports begin again as well."""
    log = Log()
    guest = Guest()
    guest.device.open_stream(22, log)
    guest.accept(guest.receive()[0])
    guest.driver["Status"] = 0
    assert log.told == ["opened", "closed"]
    assert guest.device.connections == 0
    guest.start()
    guest.device.open_stream(22, Discard())
    assert guest.receive()[0].header.src_port == LOCAL_PORT_FIRST
