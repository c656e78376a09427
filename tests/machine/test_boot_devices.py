"""What a machine that boots shares with its monitor, and where."""

from __future__ import annotations

import pytest

from emu import boards
from emu.boards.board import Board
from emu.core.image import Image
from emu.core.ram import Ram
from emu.machine import Machine
from tests import a64

WITH_STOLEN_TIME = [board for board in boards.BOARDS.values() if board.has_stolen_time]
WITHOUT = [board for board in boards.BOARDS.values() if not board.has_stolen_time]


def records(board: Board, vcpu_count: int) -> list[int | None]:
    """Where a machine that has booted tells each vCPU of stolen time."""
    ram = Ram(board.dram_base, 16 << 20)
    with Machine(board, ram=ram, vcpu_count=vcpu_count, entropy=bytes) as machine:
        machine.boot(Image.parse(a64.B_SELF.to_bytes(64, "little")), entropy=bytes)
        return [machine.stolen_time.address(vcpu) for vcpu in range(vcpu_count)]


@pytest.mark.parametrize("board", WITH_STOLEN_TIME, ids=lambda board: board.name)
def test_each_vcpu_has_its_record_where_firecracker_puts_it(board: Board) -> None:
    """Below VMGenID, in the order of the vCPUs."""
    assert records(board, 1) == [0x801F_FF80]
    assert records(board, 2) == [0x801F_FF40, 0x801F_FF80]


@pytest.mark.parametrize("board", WITHOUT, ids=lambda board: board.name)
def test_other_monitors_tell_nothing(board: Board) -> None:
    assert records(board, 2) == [None, None]
