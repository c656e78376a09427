"""What Linux's driver makes of the UART, by the questions that it asks.

Source: `drivers/tty/serial/8250/8250_port.c` of Linux 6.1: `autoconfig`, `autoconfig_16550a`,
`size_fifo`, `serial8250_do_startup`, `serial8250_handle_irq`.
"""

from __future__ import annotations

import pytest

from emu.arch.ns16550 import IER, IIR, LCR, LSR, MCR, MSR
from tests.devices.ns16550_bench import Bench

CONFIGURATION_B = 0xBF
"""LCR in the mode in which some UARTs have an EFR in IIR's place."""

FIFO_64 = 0b10_0001
"""FCR: FIFO on, of 64 bytes, as a TI16750 understands it."""

ALL_INTERRUPTS = 0x0F
UUE = 1 << 6
"""IER: "UART unit enable" of an XScale."""

NO_INTERRUPT = 1
IDLE = int(LSR().replace(transmitter_empty=1, holding_register_empty=1))


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_there_is_a_uart(bench: Bench) -> None:
    """Its interrupts can be enabled, and its modem hears itself when looped back."""
    bench["IER"] = 0
    assert bench["IER"] & 0x0F == 0
    bench["IER"] = ALL_INTERRUPTS
    assert bench["IER"] & 0x0F == ALL_INTERRUPTS
    bench["IER"] = 0
    bench["MCR"] = int(MCR().replace(loop=1, OUT2=1, RTS=1))
    assert bench["MSR"] & 0xF0 == int(MSR().replace(DCD=1, CTS=1))
    assert bench.line.pulses == 0


def test_it_is_a_16550a(bench: Bench) -> None:
    """FIFOs are on; there is no EFR in either mode, no 64-byte mode, and no UUE."""
    bench["LCR"] = CONFIGURATION_B
    bench["IIR"] = 0
    bench["LCR"] = 0
    bench["IIR"] = 1
    assert IIR(bench["IIR"]).FIFOs == 3
    for mode in (LCR.DLAB.mask, CONFIGURATION_B):
        bench["LCR"] = mode
        assert bench["IIR"] != 0
    for mode in (0, LCR.DLAB.mask):
        bench["LCR"] = mode
        bench["IIR"] = FIFO_64
        assert bench["IIR"] >> 5 == 0b110
    bench["LCR"] = 0
    bench["IER"] = UUE
    assert bench["IER"] & UUE == 0


def test_its_fifo_holds_64(bench: Bench) -> None:
    """Which is why a probing Linux calls Firecracker's serial port a U6_16550A."""
    bench["MCR"] = MCR.loop.mask
    for character in range(256):
        bench["DATA"] = character
    count = 0
    while LSR(bench["LSR"]).data_ready:
        assert bench["DATA"] == count
        count += 1
    assert count == 64


def test_enabling_the_transmit_interrupt_does_not_raise_it(bench: Bench) -> None:
    """A real 16550 raises it. Linux asks twice: it needs no timer, and it sends the first character
    of a burst unasked ("bad tx status workarounds").
    """
    identified = []
    for _ in range(2):
        bench["IER"] = IER.transmitter_empty.mask
        assert bench["LSR"] == IDLE
        identified.append(bench["IIR"])
        bench["IER"] = 0
    assert [iir & NO_INTERRUPT for iir in identified] == [1, 1]
    assert bench.line.pulses == 0


class Driver:
    """An open port and its interrupt handler, with what it has to send and has received."""

    def __init__(self, bench: Bench, to_send: bytes) -> None:
        self.bench = bench
        self.to_send = to_send
        self.received = bytearray()
        self.interrupts = 0

    def open(self) -> None:
        """Reads away what is there, and waits for input."""
        for name in ("LSR", "DATA", "IIR", "MSR"):
            _ = self.bench[name]
        self.bench["IER"] = int(IER().replace(line_status=1, received_data=1))

    def start_sending(self) -> None:
        self.bench["IER"] |= IER.transmitter_empty.mask
        self._send()

    def serve(self) -> None:
        """Handle interrupts until there are none."""
        while self.bench.line.take():
            self._handle()

    def _handle(self) -> None:
        self.interrupts += 1
        if self.bench["IIR"] & NO_INTERRUPT:
            return
        while LSR(self.bench["LSR"]).data_ready:
            self.received.append(self.bench["DATA"])
        if LSR(self.bench["LSR"]).holding_register_empty:
            self._send()

    def _send(self) -> None:
        """As many as the transmit FIFO of a 16550A holds; the interrupt is off with the last."""
        burst, self.to_send = self.to_send[:16], self.to_send[16:]
        for character in burst:
            self.bench["DATA"] = character
        if not self.to_send:
            self.bench["IER"] &= ~IER.transmitter_empty.mask


def test_an_open_port_sends_and_receives_by_interrupts(bench: Bench) -> None:
    """Nothing is lost, and no interrupt is missing.

    One brings all input, as more comes while the handler reads; what that raised again finds
    nothing. Three ask for the bursts after the first one.
    """
    sent, typed = bytes(range(64)), bytes(range(200))
    left = bytearray(typed)

    def source(size: int) -> bytes:
        taken = bytes(left[:size])
        del left[:size]
        return taken

    driver = Driver(bench, sent)
    bench.uart.connect(source)
    driver.open()
    driver.serve()
    driver.start_sending()
    driver.serve()
    assert driver.received == typed
    assert bench.sent == sent
    assert driver.interrupts == 1 + 1 + 3
