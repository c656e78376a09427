"""What a device tree tells of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emu.boards.board import Board
from emu.boards.equipment import Equipment
from emu.boards.places import Window
from emu.cpu.model import CpuModel
from emu.devices.vmclock import VmClockState
from emu.devices.vmgenid import VmGenIdState


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One machine, as its device tree tells it.

    Attributes:
        board: its board.
        ram_size_bytes: RAM, of which the board's system memory is left out.
        mpidrs: MPIDR_EL1 of each vCPU, the boot vCPU's first.
        cpu_model: the processor, whose caches may be told.
        equipment: its MMIO devices.
        bootargs: the whole kernel command line.
        vmgenid: where VMGenID is; None for a machine without it.
        vmclock: where VMClock is; likewise.
        initrd: where the initial RAM disk is; likewise.
        rng_seed: randomness for the guest, on a board that gives it.
    """

    board: Board
    ram_size_bytes: int
    mpidrs: Sequence[int]
    cpu_model: CpuModel
    equipment: Equipment
    bootargs: str
    vmgenid: VmGenIdState | None = None
    vmclock: VmClockState | None = None
    initrd: Window | None = None
    rng_seed: bytes = b""

    @property
    def memory(self) -> Window:
        """RAM that the guest may use as it likes."""
        base = self.board.system_memory.end
        return Window(base, self.board.ram(self.ram_size_bytes).end - base)
