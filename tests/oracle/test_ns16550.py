"""The serial port is that of the crate `vm-superio`: each access, and each interrupt."""

from __future__ import annotations

from dataclasses import asdict
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.devices.ns16550 import FIFO_DEPTH, Ns16550State
from tests.devices.ns16550_bench import Bench, states
from tests.oracle.client import Oracle, OracleError
from tests.oracle.definition import Json

ACTIONS = 300
"""So many of one UART: each finds it as the others left it."""


def action(random: Random) -> Json:
    """What the guest or the other end of the line does; more often to data, IER and IIR."""
    offset = random.choice([0, 1, 2, *random.choices(range(8), k=4), random.randrange(0x100)])
    value = random.choice([random.randrange(4), random.randrange(0x100)])
    size = random.choice([0, 1, 2, 3, random.randrange(FIFO_DEPTH + 2)])
    return random.choice(
        [{"read": offset}, {"write": [offset, value]}, {"receive": random.randbytes(size).hex()}]
    )


def fields_of(state: Ns16550State) -> Json:
    return asdict(state) | {"in_buffer": state.in_buffer.hex()}


def perform(bench: Bench, taken: Json) -> int | None:
    match taken:
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


@given(state=st.just(Ns16550State()) | states(), seed=st.integers(0, 1 << 32))
def test_it_behaves_as_the_crate_does(oracle: Oracle, state: Ns16550State, seed: int) -> None:
    random = Random(seed)
    actions = [action(random) for _ in range(ACTIONS)]
    made, *expected = oracle.serial(fields_of(state), actions)
    bench = Bench()
    bench.uart.load_state(state)
    assert step(bench, None) == made
    for taken, theirs in zip(actions, expected, strict=True):
        before = bench.uart.state()
        assert step(bench, perform(bench, taken)) == theirs, (taken, before)


def test_the_crate_refuses_what_we_refuse(oracle: Oracle) -> None:
    """A FIFO with more than it holds; the rest is a matter of types."""
    state = Ns16550State(in_buffer=bytes(FIFO_DEPTH + 1))
    with pytest.raises(OracleError, match="No space left in FIFO"):
        oracle.serial(fields_of(state), [])
