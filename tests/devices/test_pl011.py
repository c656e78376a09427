"""The PL011's rules, register by register (Arm DDI 0183G), and its state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from emu.arch.pl011 import FIFO_DEPTH, PL011, UARTCR, UARTDR, UARTFR, UARTIFLS, UARTINT, UARTLCR_H
from emu.core.events import ConsoleOutput, Event
from emu.devices.pl011 import Pl011State
from emu.errors import IncompatibleError
from tests.devices.pl011_bench import ENABLED, FIFO_ON, Bench

STORED = {"ILPR": 0xFF, "IBRD": 0xFFFF, "FBRD": 0x3F, "LCR_H": 0xFF, "CR": 0xFF87}
STORED |= {"IFLS": 0x3F, "IMSC": 0x7FF, "DMACR": 0x7}
READ_ONLY = ("FR", "RIS", "MIS")


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def receiver() -> Bench:
    """Enabled, with its FIFO."""
    bench = Bench()
    bench["LCR_H"] = FIFO_ON
    bench["CR"] = ENABLED
    return bench


def states() -> st.SearchStrategy[Pl011State]:
    """Any state that a PL011 can hold."""

    def with_fifo(registers: dict[str, Any]) -> st.SearchStrategy[Pl011State]:
        empty = Pl011State(**registers)
        fifo = st.lists(st.integers(0, 0xFFF), max_size=empty.fifo_depth).map(tuple)
        return fifo.map(lambda characters: replace(empty, rx_fifo=characters))

    masks = STORED | {"RSR": 0xF, "RIS": 0x7FF}
    registers = {
        name.lower(): st.integers(0, mask).map(mask.__and__) for name, mask in masks.items()
    }
    return st.fixed_dictionaries({**registers, "overrun": st.booleans()}).flatmap(with_fifo)


# --- registers -------------------------------------------------------------------------------


def test_reset_values(bench: Bench) -> None:
    """DDI 0183G, table 3-1; the transmit FIFO is empty, and so is the receive FIFO."""
    assert bench["CR"] == 0x300
    assert bench["IFLS"] == 0x12
    assert bench.flags == UARTFR().replace(TXFE=1, RXFE=1)
    others = set(PL011.by_name) - {"CR", "IFLS", "FR", "ID"}
    assert {name: bench[name] for name in others} == dict.fromkeys(others, 0)


def test_identification_is_that_of_a_uart_with_a_fifo_of_16(bench: Bench) -> None:
    """Linux matches part 0x041011 and takes the depth from the revision, below 3: 16."""
    identification = [bench.uart.read(0xFE0 + 4 * n, 4) for n in range(8)]
    assert identification == [0x11, 0x10, 0x14, 0x00, 0x0D, 0xF0, 0x05, 0xB1]


@pytest.mark.parametrize(("name", "mask"), STORED.items())
def test_a_stored_register_keeps_the_bits_it_has(bench: Bench, name: str, mask: int) -> None:
    bench[name] = 0xFFFF_FFFF
    assert bench[name] == mask
    bench[name] = 0
    assert bench[name] == 0


@pytest.mark.parametrize("name", READ_ONLY)
def test_a_read_only_register_ignores_writes(bench: Bench, name: str) -> None:
    before = bench.uart.state()
    bench[name] = 0xFFFF_FFFF
    assert bench.uart.state() == before


@given(offset=st.integers(0, 0xFFF).filter(lambda o: PL011.find(o) is None), value=st.integers(0))
def test_reserved_offsets_read_as_zero_and_ignore_writes(offset: int, value: int) -> None:
    bench = Bench()
    bench.uart.write(offset, 1, value & 0xFF)
    assert bench.uart.read(offset, 1) == 0
    assert bench.uart.state() == Pl011State()


def test_a_narrow_access_moves_the_bytes_it_covers(bench: Bench) -> None:
    bench.uart.write(PL011["IBRD"], 2, 0xABCD)
    assert bench.uart.read(PL011["IBRD"], 1) == 0xCD
    assert bench.uart.read(PL011["IBRD"] + 1, 1) == 0xAB
    bench.uart.write(PL011["IBRD"] + 1, 1, 0x12)
    assert bench["IBRD"] == 0x1200


def test_an_access_of_8_bytes_reaches_one_register(bench: Bench) -> None:
    bench.uart.write(PL011["IBRD"], 8, 0x3F_0000_0001)
    assert (bench["FBRD"], bench.uart.read(PL011["IBRD"], 8)) == (0, 1)


# --- transmission ----------------------------------------------------------------------------


def test_a_character_is_sent_at_once_even_from_a_disabled_uart(bench: Bench) -> None:
    """Linux's earlycon writes to a UART that nothing has enabled."""
    bench["CR"] = 0
    for character in b"early":
        bench["DR"] = 0xFF00 | character  # of which DR has 8 bits
    assert bench.sent == b"early"
    assert bench.flags.TXFE == 1
    assert (bench.flags.TXFF, bench.flags.BUSY) == (0, 0)


def test_each_sent_character_raises_the_transmit_interrupt(bench: Bench) -> None:
    """It is not pending at reset, as it needs a fall to the level; only ICR clears it."""
    for _ in range(2):
        assert bench.raw.TX == 0
        bench["DR"] = 0
        assert bench.raw.TX == 1
        bench["ICR"] = UARTINT.TX.mask


def test_console_output_is_an_event_when_somebody_listens(bench: Bench) -> None:
    heard: list[Event] = []
    bench["DR"] = 1
    stop = bench.events.subscribe(lambda stamped: heard.append(stamped.event))
    bench["DR"] = 2
    stop()
    bench["DR"] = 3
    assert heard == [ConsoleOutput(2)]
    assert bench.sent == b"\1\2\3"


# --- reception -------------------------------------------------------------------------------


@given(data=st.binary(max_size=FIFO_DEPTH))
def test_characters_come_out_in_order(data: bytes) -> None:
    bench = Bench()
    bench["LCR_H"] = FIFO_ON
    bench["CR"] = ENABLED
    bench.uart.receive(data)
    assert bytes(bench["DR"] for _ in data) == data
    assert bench.flags.RXFE == 1
    assert bench["DR"] == 0


@pytest.mark.parametrize("control", [{"UARTEN": 0}, {"RXE": 0}, {"LBE": 1}])
def test_a_receiver_that_is_off_or_looped_back_hears_nothing(
    receiver: Bench, control: dict[str, int]
) -> None:
    receiver["CR"] = int(UARTCR(ENABLED).replace(**control))
    before = receiver.uart.state()
    receiver.uart.receive(b"lost")
    assert receiver.uart.state() == before


def test_loopback_feeds_what_is_sent_to_the_receiver(receiver: Bench) -> None:
    receiver["CR"] = int(UARTCR(ENABLED).replace(LBE=1))
    receiver["DR"] = 0x5A
    assert receiver["DR"] == 0x5A
    assert receiver.sent == b"\x5a"


@pytest.mark.parametrize(("fen", "depth"), [(0, 1), (1, 16)])
def test_the_fifo_holds_16_characters_or_1(bench: Bench, fen: int, depth: int) -> None:
    bench["LCR_H"] = int(UARTLCR_H().replace(FEN=fen))
    bench["CR"] = ENABLED
    bench.uart.receive(bytes(depth - 1))
    assert bench.flags.RXFF == 0
    bench.uart.receive(b"x")
    assert bench.flags.RXFF == 1
    assert bench["RSR"] == 0


def test_an_overrun_keeps_the_fifo_and_marks_the_next_character_stored(receiver: Bench) -> None:
    """DDI 0183G, 2.4.2: RSR and the interrupt at once, DR.OE with the next that finds room."""
    receiver.uart.receive(bytes(range(FIFO_DEPTH)) + b"lost")
    assert receiver["RSR"] == 0b1000
    receiver["RSR"] = 0  # writing anything clears it
    assert receiver["RSR"] == 0
    assert receiver.raw.OE == 1
    assert [receiver["DR"] for _ in range(FIFO_DEPTH)] == list(range(FIFO_DEPTH))
    receiver.uart.receive(b"ab")
    assert receiver["DR"] == UARTDR.OE.mask | ord("a")
    assert receiver["DR"] == ord("b")


@pytest.mark.parametrize(
    ("selection", "level"), [(0, 2), (1, 4), (2, 8), (3, 12), (4, 14), (5, 14), (7, 14)]
)
def test_the_receive_interrupt_follows_the_trigger_level(
    receiver: Bench, selection: int, level: int
) -> None:
    """Raised when the FIFO reaches the level, cleared by reading below it (2.8.1)."""
    receiver["IFLS"] = int(UARTIFLS().replace(RXIFLSEL=selection))
    receiver.uart.receive(bytes(level - 1))
    assert receiver.raw.RX == 0
    receiver.uart.receive(b"xy")
    assert receiver.raw.RX == 1
    _ = receiver["DR"]
    assert receiver.raw.RX == 1
    _ = receiver["DR"]
    assert receiver.raw.RX == 0


def test_a_cleared_receive_interrupt_needs_another_rise(receiver: Bench) -> None:
    """It tells of a transition: more characters above the level don't raise it again."""
    receiver.uart.receive(bytes(8))
    receiver["ICR"] = UARTINT.RX.mask
    assert (receiver.raw.RX, receiver.raw.RT) == (0, 1)
    receiver.uart.receive(bytes(4))
    assert receiver.raw.RX == 0


def test_without_its_fifo_each_character_raises_the_receive_interrupt(bench: Bench) -> None:
    bench["CR"] = ENABLED
    for _ in range(2):
        bench.uart.receive(b"x")
        assert bench.raw.RX == 1
        _ = bench["DR"]
        assert bench.raw.RX == 0


def test_the_receive_timeout_is_pending_until_the_fifo_is_empty(receiver: Bench) -> None:
    """2.8.4, with a period of no time; a read that leaves characters starts another period."""
    receiver.uart.receive(b"ab")
    receiver["ICR"] = UARTINT.RT.mask
    levels = [receiver.raw.RT]
    for _ in b"ab":
        _ = receiver["DR"]
        levels.append(receiver.raw.RT)
    assert levels == [0, 1, 0]


def test_a_change_of_fen_empties_the_fifo(receiver: Bench) -> None:
    receiver.uart.receive(bytes(8))
    receiver["LCR_H"] = FIFO_ON | UARTLCR_H.WLEN.mask
    assert receiver.flags.RXFE == 0
    receiver["LCR_H"] = 0
    assert receiver.flags.RXFE == 1
    assert (receiver.raw.RX, receiver.raw.RT) == (0, 0)


# --- interrupt line --------------------------------------------------------------------------


def test_the_line_follows_the_mask_and_the_status(receiver: Bench) -> None:
    receiver.uart.receive(b"x")
    levels = [receiver.line.high]
    for mask in (UARTINT.RT.mask, 0, UARTINT.RT.mask):
        receiver["IMSC"] = mask
        levels.append(receiver.line.high)
    _ = receiver["DR"]
    assert [*levels, receiver.line.high] == [False, True, False, True, False]


class Guest(RuleBasedStateMachine):
    """Whatever the guest and the host do, the line is (RIS & IMSC) != 0, the flags tell of the
    FIFO, and the state is one that another PL011 takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.bench["CR"] = ENABLED

    @rule(name=st.sampled_from(sorted(PL011.by_name)), value=st.integers(0, 0xFFFF))
    def store(self, name: str, value: int) -> None:
        self.bench[name] = value

    @rule(name=st.sampled_from(sorted(PL011.by_name)))
    def load(self, name: str) -> None:
        assert 0 <= self.bench[name] <= 0xFFFF

    @rule(data=st.binary(min_size=1, max_size=20))
    def host_input(self, data: bytes) -> None:
        self.bench.uart.receive(data)

    @rule()
    def enable(self) -> None:
        self.bench["CR"] = ENABLED
        self.bench["LCR_H"] = FIFO_ON

    @invariant()
    def line_is_the_masked_status(self) -> None:
        assert self.bench.line.high == (self.bench["MIS"] != 0)
        assert self.bench["MIS"] == self.bench["RIS"] & self.bench["IMSC"]

    @invariant()
    def flags_agree_with_the_fifo(self) -> None:
        state = self.bench.uart.state()
        assert bool(self.bench.flags.RXFE) is (len(state.rx_fifo) == 0)
        assert bool(self.bench.flags.RXFF) is (len(state.rx_fifo) == state.fifo_depth)

    @rule()
    def move_to_another_device(self) -> None:
        other = Bench()
        other.uart.load_state(self.bench.uart.state())
        assert other.uart.state() == self.bench.uart.state()
        self.bench = other


TestGuest = Guest.TestCase


# --- state -----------------------------------------------------------------------------------


@given(states())
def test_capture_after_apply_is_the_identity(state: Pl011State) -> None:
    """The line is driven in any case: the interrupt controller may hold another level of it."""
    bench = Bench()
    bench.uart.load_state(state)
    assert bench.uart.state() == state
    assert (bench.line.high, bench.line.driven) == (state.ris & state.imsc != 0, 1)


def test_states_do_not_change_with_the_device(bench: Bench) -> None:
    bench.uart.load_state(applied := Pl011State(cr=ENABLED))
    captured = bench.uart.state()
    bench.uart.receive(b"x")
    assert captured == applied == Pl011State(cr=ENABLED)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"imsc": 0x800}, "imsc is 0x800, and UARTIMSC has only the bits 0x7ff"),
        ({"cr": 0x8}, "cr is 0x8"),
        ({"rsr": -1}, "rsr is -0x1"),
        ({"rx_fifo": (1, 2)}, "2 characters in rx_fifo, which holds 1"),
        ({"rx_fifo": (0,) * 17, "lcr_h": FIFO_ON}, "17 characters in rx_fifo, which holds 16"),
        ({"rx_fifo": (0x1000,)}, "0x1000 in rx_fifo"),
    ],
)
def test_a_state_that_no_pl011_holds_is_refused_whole(
    bench: Bench, change: dict[str, Any], message: str
) -> None:
    before = bench.uart.state()
    with pytest.raises(IncompatibleError, match=message):
        bench.uart.load_state(replace(Pl011State(), **change))
    assert bench.uart.state() == before
