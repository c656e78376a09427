"""A machine has an ITS where its board has one: on the bus, and in its GIC."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.arch.gicv3 import GICD, GICD_TYPER
from emu.arch.its import GITS
from emu.boards import BOARDS, get
from emu.core.ram import Ram
from emu.machine import Machine

RAM_SIZE_BYTES = 8 << 20
VCPU_COUNT = 2


@pytest.fixture(params=sorted(BOARDS))
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    board = get(request.param)
    ram = Ram(board.dram_base, RAM_SIZE_BYTES)
    with Machine(board, ram=ram, vcpu_count=VCPU_COUNT, entropy=bytes) as machine:
        yield machine


def test_the_its_is_on_the_bus_where_the_board_has_it(machine: Machine) -> None:
    """Otherwise the GIC says that there are no LPIs."""
    place = machine.board.its(VCPU_COUNT)
    typer = GICD_TYPER(machine.gic.distributor.read(GICD["GICD_TYPER"], 4))
    windows = {mapping.name: mapping for mapping in machine.bus.mappings}
    assert (place is not None) == typer.LPIS
    assert ("GITS" in windows) == (place is not None)
    if place is not None:
        mapping = windows["GITS"]
        assert (mapping.base, mapping.size_bytes) == (place.base, place.size_bytes)
        window = machine.bus.window(mapping, 0)
        assert window.read(GITS["GITS_PIDR2"], 4) == 0x3B


def test_a_state_of_a_machine_has_that_of_its_its(machine: Machine) -> None:
    assert (machine.state().gic.its is None) == (machine.board.its(VCPU_COUNT) is None)
