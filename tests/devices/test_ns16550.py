"""The NS16550's rules, register by register, and its state; `tests/oracle` compares all of it with
the crate that it models.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.arch.ns16550 import IER, LCR, LSR, MCR, MSR
from emu.core.events import ConsoleOutput, Event
from emu.devices.ns16550 import FIFO_DEPTH, Ns16550State
from emu.errors import IncompatibleError
from tests.devices.ns16550_bench import Bench, states

DLAB = LCR.DLAB.mask
LOOP = MCR.loop.mask
RECEIVED_DATA = IER.received_data.mask
TRANSMITTER_EMPTY = IER.transmitter_empty.mask
NOTHING = 0xC1
"""IIR: no interrupt; the FIFOs are on."""


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- registers -------------------------------------------------------------------------------


def test_values_of_a_uart_that_is_made(bench: Bench) -> None:
    """9600 baud, 8 bits, nothing pending, nothing to wait for, and a modem that is there."""
    names = ("DATA", "IER", "IIR", "LCR", "MCR", "LSR", "MSR", "SCR")
    assert [bench[name] for name in names] == [0, 0, NOTHING, 0x03, 0x08, 0x60, 0xB0, 0]
    bench["LCR"] = DLAB
    assert (bench["DLL"], bench["DLM"]) == (12, 0)


@pytest.mark.parametrize(
    ("name", "mask"), [("IER", 0x0F), ("LCR", 0xFF), ("MCR", 0xFF), ("SCR", 0xFF)]
)
def test_a_stored_register_keeps_the_bits_it_has(bench: Bench, name: str, mask: int) -> None:
    bench[name] = 0xFF
    assert bench[name] == mask
    bench[name] = 0
    assert bench[name] == 0


@pytest.mark.parametrize("name", ["IIR", "LSR", "MSR"])
@given(value=st.integers(0, 0xFF))
def test_a_read_only_register_ignores_writes(name: str, value: int) -> None:
    """IIR's offset is FCR when written: the FIFO is always on."""
    bench = Bench()
    bench[name] = value
    assert bench.uart.state() == Ns16550State()


def test_dlab_puts_the_divisor_in_the_way_of_data_and_ier(bench: Bench) -> None:
    bench["LCR"] = DLAB
    bench["DLL"], bench["DLM"] = 0x34, 0x12
    assert (bench["DLL"], bench["DLM"]) == (0x34, 0x12)
    bench["LCR"] = 0
    assert (bench["DATA"], bench["IER"]) == (0, 0)
    assert bench.sent == b""


@given(
    offset=st.integers(0, 7) | st.integers(0, 0xFFF),
    size=st.sampled_from([1, 2, 4, 8]),
    value=st.integers(0),
)
def test_only_single_bytes_reach_the_eight_registers(offset: int, size: int, value: int) -> None:
    bench = Bench()
    bench.uart.receive(b"x")
    if size == 1 and offset < 8:
        return
    before = bench.uart.state()
    bench.uart.write(offset, size, value & ((1 << 8 * size) - 1))
    assert bench.uart.read(offset, size) == 0
    assert bench.uart.state() == before
    assert bench.sent == b""


# --- transmission ----------------------------------------------------------------------------


def test_console_output_is_an_event_when_somebody_listens(bench: Bench) -> None:
    heard: list[Event] = []
    bench["DATA"] = 1
    stop = bench.events.subscribe(lambda stamped: heard.append(stamped.event))
    bench["DATA"] = 2
    stop()
    bench["DATA"] = 3
    assert heard == [ConsoleOutput(2)]
    assert bench.sent == b"\1\2\3"


def test_a_character_interrupts_when_the_last_one_was_identified(bench: Bench) -> None:
    """The transmitter is empty at once, and says so once until IIR is read."""
    bench["IER"] = TRANSMITTER_EMPTY
    assert bench.line.take() == 0
    for character in b"ab":
        bench["DATA"] = character
    assert bench.line.take() == 1
    assert (bench["IIR"], bench["IIR"]) == (0xC2, NOTHING)
    bench["DATA"] = 0
    assert bench.line.take() == 1


def test_a_cause_that_was_not_enabled_is_forgotten(bench: Bench) -> None:
    bench["DATA"] = 0
    bench.uart.receive(b"x")
    bench["IER"] = TRANSMITTER_EMPTY | RECEIVED_DATA
    assert (bench.line.take(), bench["IIR"]) == (0, NOTHING)


# --- reception -------------------------------------------------------------------------------


@given(data=st.binary(max_size=FIFO_DEPTH))
def test_characters_come_out_in_order(data: bytes) -> None:
    bench = Bench()
    bench.uart.receive(data)
    assert LSR(bench["LSR"]).data_ready == bool(data)
    assert bytes(bench["DATA"] for _ in data) == data
    assert LSR(bench["LSR"]).data_ready == 0
    assert bench["DATA"] == 0


def test_a_full_fifo_loses_what_comes_and_tells_nobody(bench: Bench) -> None:
    data = bytes(range(FIFO_DEPTH))
    bench.uart.receive(data + b"lost")
    bench.uart.receive(b"lost")
    assert LSR(bench["LSR"]).overrun_error == 0
    assert bytes(bench["DATA"] for _ in data) == data
    assert LSR(bench["LSR"]).data_ready == 0


def test_received_characters_interrupt_once_until_the_guest_looks(bench: Bench) -> None:
    """A read of data clears the cause even if characters are left; it comes with the next ones."""
    bench["IER"] = RECEIVED_DATA
    bench.uart.receive(b"ab")
    bench.uart.receive(b"c")
    assert bench.line.take() == 1
    _ = bench["DATA"]
    assert bench["IIR"] == NOTHING
    bench.uart.receive(b"d")
    assert bench.line.take() == 1
    assert bench["IIR"] == 0xC4


def test_both_causes_are_identified_at_once(bench: Bench) -> None:
    """They read as the data sheet's line status; Linux looks at bit 0 and at LSR."""
    bench["IER"] = TRANSMITTER_EMPTY | RECEIVED_DATA
    bench["DATA"] = 0
    bench.uart.receive(b"x")
    assert bench.line.take() == 2
    assert (bench["IIR"], bench["IIR"]) == (0xC6, NOTHING)


# --- loop-back -------------------------------------------------------------------------------


def test_looped_back_what_is_sent_is_received(bench: Bench) -> None:
    bench["MCR"] = LOOP
    bench["IER"] = TRANSMITTER_EMPTY | RECEIVED_DATA
    bench["DATA"] = 0x5A
    assert (bench.line.take(), bench["IIR"]) == (1, 0xC4)
    assert bench["DATA"] == 0x5A
    assert bench.sent == b""


def test_looped_back_it_hears_nothing_and_a_full_fifo_loses_what_is_sent(bench: Bench) -> None:
    bench["MCR"] = LOOP
    bench.uart.receive(b"lost")
    for character in range(FIFO_DEPTH + 1):
        bench["DATA"] = character
    assert bench.uart.state().in_buffer == bytes(range(FIFO_DEPTH))


@pytest.mark.parametrize(
    ("output", "shown"), [("DTR", "DSR"), ("RTS", "CTS"), ("OUT1", "RI"), ("OUT2", "DCD")]
)
def test_looped_back_the_modem_hears_itself(bench: Bench, output: str, shown: str) -> None:
    bench["MCR"] = LOOP
    assert bench["MSR"] == 0
    bench["MCR"] = int(MCR(LOOP).replace(**{output: 1}))
    assert bench["MSR"] == int(MSR().replace(**{shown: 1}))


# --- state -----------------------------------------------------------------------------------


@given(states())
def test_capture_after_apply_is_the_identity(state: Ns16550State) -> None:
    """What is identified and enabled is pulsed: the interrupt controller may not know of it."""
    bench = Bench()
    bench.uart.load_state(state)
    assert bench.uart.state() == state
    enabled, identified = state.interrupt_enable, state.interrupt_identification
    pending = (enabled & 2 and identified & 2, enabled & 1 and identified & 4)
    assert bench.line.pulses == sum(map(bool, pending))


def test_states_do_not_change_with_the_device(bench: Bench) -> None:
    bench.uart.load_state(applied := Ns16550State(scratch=7))
    captured = bench.uart.state()
    bench.uart.receive(b"x")
    bench["SCR"] = 0
    assert captured == applied == Ns16550State(scratch=7)


def test_a_restore_without_a_state_lets_input_interrupt(bench: Bench) -> None:
    """As Firecracker before v1.16: all else is lost, and 1 is written to IER."""
    bench["IER"] = RECEIVED_DATA
    made = bench.uart.state()
    assert Ns16550State.unsaved() == made
    bench.uart.load_state(Ns16550State.unsaved())
    assert bench.line.take() == 0
    bench.uart.receive(b"x")
    assert bench.line.take() == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"line_control": 0x100}, "line_control is 0x100, and LCR has 8 bits"),
        ({"scratch": -1}, "scratch is -0x1, and SCR has 8 bits"),
        ({"in_buffer": bytes(65)}, "65 characters in in_buffer, which holds 64"),
    ],
)
def test_a_state_that_no_uart_holds_is_refused_whole(
    bench: Bench, change: dict[str, Any], message: str
) -> None:
    before = bench.uart.state()
    with pytest.raises(IncompatibleError, match=message):
        bench.uart.load_state(replace(Ns16550State(), **change))
    assert bench.uart.state() == before
