"""The serial port is that of the crate `vm-superio`: each access, and each interrupt."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.devices.ns16550 import FIFO_DEPTH, Ns16550State
from tests.devices.ns16550_bench import Bench, states
from tests.oracle.client import Oracle, OracleError
from tests.oracle.definition import Json

OFFSETS = st.integers(0, 7) | st.integers(0, 0xFF)


def actions() -> st.SearchStrategy[Json]:
    """What the guest and the other end of the line do; data, IER and IIR more often than others."""
    reads = OFFSETS | st.integers(0, 2)
    writes = st.tuples(OFFSETS | st.integers(0, 1), st.integers(0, 0xFF))
    received = st.binary(max_size=4) | st.binary(min_size=60, max_size=FIFO_DEPTH + 2)
    return st.one_of(
        reads.map(lambda offset: {"read": offset}),
        writes.map(lambda write: {"write": [*write]}),
        received.map(lambda data: {"receive": data.hex()}),
    )


def fields_of(state: Ns16550State) -> Json:
    return asdict(state) | {"in_buffer": state.in_buffer.hex()}


def perform(bench: Bench, action: Json) -> int | None:
    match action:
        case {"read": offset}:
            return bench.uart.read(offset, 1)
        case {"write": [offset, value]}:
            bench.uart.write(offset, 1, value)
        case {"receive": data}:
            bench.uart.receive(bytes.fromhex(data))
    return None


def step(bench: Bench, value: int | None) -> Json:
    sent = bench.sent.hex()
    bench.sent.clear()
    state = fields_of(bench.uart.state())
    return {"value": value, "interrupts": bench.line.take(), "sent": sent, "state": state}


@given(state=st.just(Ns16550State()) | states(), taken=st.lists(actions(), max_size=100))
def test_it_behaves_as_the_crate_does(
    oracle: Oracle, state: Ns16550State, taken: list[Json]
) -> None:
    bench = Bench()
    bench.uart.load_state(state)
    steps = [step(bench, None)]
    steps += [step(bench, perform(bench, action)) for action in taken]
    assert steps == oracle.serial(fields_of(state), taken)


def test_the_crate_refuses_what_we_refuse(oracle: Oracle) -> None:
    """A FIFO with more than it holds; the rest is a matter of types."""
    state = Ns16550State(in_buffer=bytes(FIFO_DEPTH + 1))
    with pytest.raises(OracleError, match="No space left in FIFO"):
        oracle.serial(fields_of(state), [])
