"""NOLOSS and NOINVENT: interrupt state at any point, and at points that no guest here comes to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.devices.pl011 import Pl011State
from emu.machine import Machine
from emu.snapshot import freeze, thaw
from firmware.layout import Window
from harness.entropy import SeededEntropy
from harness.properties import check_bisimilar, check_no_invention, check_no_loss

TIMER_PPI = 27
CONSOLE_INTID = 33
RX_PENDING = Pl011State(cr=0x301, imsc=0x10, ris=0x10, rx_fifo=(0x41,))


def check_both(machine: Machine) -> None:
    """Neither lost nor invented."""
    check_no_loss(machine)
    check_no_invention(machine)


@settings(max_examples=30)
@given(st.sampled_from(list(Window)), st.integers(0, 1_400))
def test_interrupts_are_what_they_were(quiet: Any, mode: Window, instructions: int) -> None:
    with quiet(mode)() as machine:
        machine.run(instructions)
        check_both(machine)


@settings(max_examples=30)
@given(st.data())
def test_any_state_of_the_gic_comes_back(quiet: Any, data: st.DataObject) -> None:
    """Every SPI up to the last one, every PPI and SGI."""
    with quiet()() as machine:
        state = machine.gic.state()
        for bank, count in (
            (state.distributor.spis, machine.board.spi_count),
            (state.redistributors[0].interrupts, 32),
        ):
            for name in ("group", "enabled", "pending_latch", "active", "edge"):
                setattr(bank, name, data.draw(st.integers(0, (1 << count) - 1)))
            bank.priority = data.draw(st.binary(min_size=count, max_size=count))
        machine.gic.load_state(state)
        check_both(machine)
        before = machine.gic.state()
        with thaw(freeze(machine), entropy=SeededEntropy(b"gic")) as thawed:
            after = thawed.gic.state()
        after.distributor.spis.pending_latch = before.distributor.spis.pending_latch
        assert after == before


@pytest.mark.parametrize("edge", [False, True])
def test_a_console_line_that_is_high_is_neither_lost_nor_a_new_edge(quiet: Any, edge: bool) -> None:
    """A level is pending again; of an edge that was taken, nothing is left."""
    with quiet()() as machine:
        gic = machine.gic.state()
        bit = 1 << (CONSOLE_INTID - 32)
        gic.distributor.spis.edge = bit if edge else 0
        machine.gic.load_state(gic)
        machine.pl011.load_state(RX_PENDING)
        machine.gic.load_state(gic)  # the edge is taken
        assert bool(machine.gic.interrupts(None).pending & bit) is not edge
        check_both(machine)


@pytest.mark.parametrize("edge", [False, True])
def test_a_timer_line_that_is_high_is_neither_lost_nor_a_new_edge(quiet: Any, edge: bool) -> None:
    with quiet(Window.DAIF)() as machine:
        machine.run(1_250)
        gic = machine.gic.state()
        private = gic.redistributors[0].interrupts
        private.edge = private.edge & ~(1 << TIMER_PPI) | edge << TIMER_PPI
        machine.gic.load_state(gic)
        assert machine.gic.interrupts(0).line >> TIMER_PPI & 1
        assert machine.gic.interrupts(0).pending >> TIMER_PPI & 1 == (not edge)
        check_both(machine)


def test_an_interrupt_that_is_being_handled_stays_so(quiet: Any) -> None:
    """Between acknowledgement and end, with its priority active and its line high."""
    boot = quiet()
    with boot() as machine:
        while not machine.gic.interrupts(0).active:
            machine.run(1)
        instructions = machine.instructions
        assert machine.gic.interrupts(0).pending >> TIMER_PPI & 1
        check_both(machine)
    check_bisimilar(boot, before=instructions)
