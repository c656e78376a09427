"""Characters come from a source when the guest is ready for them."""

from __future__ import annotations

import pytest

from emu.arch.ns16550 import IER, LSR, MCR
from emu.devices.ns16550 import FIFO_DEPTH
from tests.devices.ns16550_bench import Bench

RECEIVED_DATA = IER.received_data.mask


class Script:
    """Characters that wait to be asked for."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def __call__(self, size: int) -> bytes:
        taken, self.left = self.left[:size], self.left[size:]
        return taken


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_source_is_asked_only_when_the_guest_takes_receive_interrupts(bench: Bench) -> None:
    """Linux reads away what is in the FIFO before it enables them."""
    script = Script(b"abc")
    bench.uart.connect(script)
    bench.uart.poll()
    assert (bench["DATA"], LSR(bench["LSR"]).data_ready) == (0, 0)
    assert script.left == b"abc"
    bench["IER"] = RECEIVED_DATA
    assert script.left == b""
    assert bench.line.take() == 1
    assert [bench["DATA"] for _ in range(3)] == list(b"abc")


def test_a_source_fills_the_empty_fifo_with_one_interrupt_and_nothing_is_lost(bench: Bench) -> None:
    data = bytes(range(2 * FIFO_DEPTH + 1))
    bench.uart.connect(Script(data))
    bench["IER"] = RECEIVED_DATA
    pulses, taken = [bench.line.take()], []
    while LSR(bench["LSR"]).data_ready:
        taken.append(bench["DATA"])
        pulses.append(bench.line.take())
    assert bytes(taken) == data
    assert [n for n, pulsed in enumerate(pulses) if pulsed] == [0, FIFO_DEPTH, 2 * FIFO_DEPTH]


def test_looped_back_a_source_waits(bench: Bench) -> None:
    """Firecracker reads it, and loses what it read."""
    script = Script(b"a")
    bench.uart.connect(script)
    bench["MCR"] = MCR.loop.mask
    bench["IER"] = RECEIVED_DATA
    bench.uart.poll()
    assert script.left == b"a"
    bench["MCR"] = 0
    assert script.left == b""


def test_a_poll_asks_a_source_that_has_got_more(bench: Bench) -> None:
    """For as many as there is room for, though the FIFO is not empty."""
    script = Script(b"")
    bench.uart.connect(script)
    bench["IER"] = RECEIVED_DATA
    assert bench.line.take() == 0
    for typed, left in ((b"a", b""), (bytes(FIFO_DEPTH), b"\0"), (b"b", b"b")):
        script.left = typed
        bench.uart.poll()
        assert script.left == left
    assert bench.line.take() == 1
    assert len(bench.uart.state().in_buffer) == FIFO_DEPTH


def test_a_poll_without_a_source_does_nothing(bench: Bench) -> None:
    bench["IER"] = RECEIVED_DATA
    before = bench.uart.state()
    bench.uart.poll()
    assert bench.uart.state() == before
