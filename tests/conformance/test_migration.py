"""Tests that want to be migrated in the middle: they are frozen and thawed instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from emu.boards.squib import SQUIB
from emu.core.image import Image
from emu.core.ram import Ram
from emu.machine import Machine, Stop
from emu.snapshot import freeze, thaw
from tests.conformance.cases import Verdict
from tests.conformance.images import image, needs_images
from tests.conformance.verdicts import verdict_of

pytestmark = needs_images

MIB = 1 << 20
ASKS = b"Now migrate the VM, then press a key to continue...\n"
STEP_INSNS = 1_000_000


@pytest.mark.parametrize("what", ["bp"])
def test_debug_registers_survive_a_freeze_and_a_thaw(what: str) -> None:
    """`debug-bp-migration`: breakpoints that were set before are hit after it."""
    with Machine(SQUIB, ram=Ram(SQUIB.dram_base, 64 * MIB)) as machine:
        machine.boot(Image.load(image("debug")), entropy=bytes, bootargs=f"{what}-migration")
        while ASKS not in machine.console:
            assert machine.run(STEP_INSNS) is Stop.LIMIT
        snapshot = freeze(machine)
    with thaw(snapshot, entropy=bytes) as clone:
        clone.pl011.load_state(replace(clone.pl011.state(), rx_fifo=(ord("\n"),)))
        assert clone.run(100 * STEP_INSNS) is Stop.SYSTEM_OFF
        assert verdict_of(clone.console.decode()) is Verdict.PASS
