"""A machine frozen in the middle of its work, and damaged copies of its snapshot."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from emu.formats import squib
from emu.machine import Machine
from emu.snapshot import Snapshot, freeze
from firmware.layout import Arguments, Window
from harness.guests import boot_guest

RAM_SIZE_BYTES = 6 << 20
INSTRUCTIONS = 900
"""Into the work inside the window, after the first tick."""

Edit = Callable[[squib.MicrovmState], None]
Damage = Callable[[Edit], Snapshot]


@pytest.fixture
def machine() -> Iterator[Machine]:
    """`quiet`, in the middle of its work."""
    arguments = Arguments(mode=Window.DAIF, ticks=3, tick_period=100, rounds=1)
    with boot_guest("quiet", arguments=arguments, ram_size_bytes=RAM_SIZE_BYTES) as machine:
        machine.run(INSTRUCTIONS)
        yield machine


@pytest.fixture
def snapshot(machine: Machine) -> Snapshot:
    """`machine`, frozen."""
    return freeze(machine)


@pytest.fixture
def damaged(snapshot: Snapshot) -> Damage:
    """Makes a copy of `snapshot` with its state edited."""

    def damage(edit: Edit) -> Snapshot:
        state = copy.deepcopy(snapshot.state)
        edit(state.data)
        return replace(snapshot, state=state)

    return damage
