"""Characters come from a source when the guest is ready for them."""

from __future__ import annotations

import pytest

from emu.arch.pl011 import FIFO_DEPTH, UARTCR, UARTINT
from tests.devices.pl011_bench import ENABLED, FIFO_ON, Bench


@pytest.fixture
def receiver() -> Bench:
    """Enabled, with its FIFO."""
    bench = Bench()
    bench["LCR_H"] = FIFO_ON
    bench["CR"] = ENABLED
    return bench


class Script:
    """Characters that wait to be asked for."""

    def __init__(self, data: bytes) -> None:
        self.left = data

    def __call__(self, size: int) -> bytes:
        taken, self.left = self.left[:size], self.left[size:]
        return taken


RECEIVE_INTERRUPTS = int(UARTINT().replace(RX=1, RT=1))


def test_a_source_is_asked_only_when_the_guest_takes_receive_interrupts(receiver: Bench) -> None:
    """Linux reads away what is in the FIFO before it unmasks them."""
    script = Script(b"abc")
    receiver.uart.connect(script)
    assert (receiver["DR"], receiver.flags.RXFE) == (0, 1)
    assert script.left == b"abc"
    receiver["IMSC"] = RECEIVE_INTERRUPTS
    assert script.left == b""
    assert receiver.line.high
    assert [receiver["DR"] for _ in range(3)] == list(b"abc")
    assert not receiver.line.high


def test_a_source_gives_what_finds_room_and_nothing_is_lost(receiver: Bench) -> None:
    data = bytes(range(100))
    receiver.uart.connect(Script(data))
    receiver["IMSC"] = RECEIVE_INTERRUPTS
    assert len(receiver.uart.state().rx_fifo) == FIFO_DEPTH
    assert bytes(receiver["DR"] for _ in data) == data
    assert receiver.raw.OE == 0


@pytest.mark.parametrize("control", [0, ENABLED & ~int(UARTCR().replace(RXE=1))])
def test_a_source_waits_for_the_receiver(receiver: Bench, control: int) -> None:
    script = Script(b"a")
    receiver.uart.connect(script)
    receiver["CR"] = control
    receiver["IMSC"] = RECEIVE_INTERRUPTS
    assert script.left == b"a"
    receiver["CR"] = ENABLED
    assert script.left == b""


def test_a_source_is_asked_again_by_a_poll(receiver: Bench) -> None:
    """When characters come to a guest that waits, it makes no access that would ask for them."""
    script = Script(b"")
    receiver.uart.connect(script)
    receiver["IMSC"] = RECEIVE_INTERRUPTS
    script.left = bytes(range(FIFO_DEPTH + 5))
    assert not receiver.line.high
    receiver.uart.poll()
    assert receiver.line.high
    assert len(script.left) == 5


def test_a_poll_without_characters_or_a_ready_guest_changes_nothing(receiver: Bench) -> None:
    script = Script(b"a")
    receiver.uart.poll()
    receiver.uart.connect(script)
    before = receiver.uart.state()
    receiver.uart.poll()
    receiver["IMSC"] = RECEIVE_INTERRUPTS
    filled = receiver.uart.state()
    receiver.uart.poll()
    assert before.rx_fifo == ()
    assert receiver.uart.state() == filled
    assert filled.rx_fifo == (ord("a"),)
