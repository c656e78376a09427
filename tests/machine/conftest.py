"""Machines of the squib board that run a few instructions, without a device tree or a kernel."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest

from emu.arch.sysregs import BY_NAME
from emu.boards.board import Board
from emu.boards.squib import SQUIB
from emu.core.ram import Ram
from emu.machine import Machine, Power, RoundRobin, Schedule
from tests import a64

RAM_SIZE_BYTES = 6 << 20
VECTORS_OFFSET = 0x1_0000
CODE_INSTRUCTIONS = VECTORS_OFFSET // 4
IRQ_VECTOR_OFFSET = 0x280

Make = Callable[..., Machine]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes a machine at the given instructions, and NOPs behind them; closed in the end."""
    machines: list[Machine] = []

    def make(
        *code: int,
        handler: tuple[int, ...] = (),
        host_clock: int = 0,
        board: Board = SQUIB,
        vcpu_count: int = 1,
        schedule: Schedule | None = None,
    ) -> Machine:
        """The machine, its vCPUs in EL1h with everything masked. `handler` is at the IRQ vector."""
        ram = Ram(board.dram_base, RAM_SIZE_BYTES)
        machine = Machine(
            board,
            ram=ram,
            vcpu_count=vcpu_count,
            schedule=schedule or RoundRobin(),
            host_clock=host_clock,
            entropy=bytes,
        )
        machines.append(machine)
        base = SQUIB.kernel_base
        words = [*code, *[a64.NOP] * (CODE_INSTRUCTIONS - len(code))]
        ram.write(base, struct.pack(f"<{len(words)}I", *words))
        vector = base + VECTORS_OFFSET + IRQ_VECTOR_OFFSET
        ram.write(vector, struct.pack(f"<{len(handler)}I", *handler))
        for vcpu in machine.vcpus:
            vcpu.engine.pc, vcpu.engine.pstate = base, SQUIB.boot_pstate
            vcpu.set_sysreg(BY_NAME["VBAR_EL1"], base + VECTORS_OFFSET)
            machine.psci.power[vcpu.index] = Power.ON
        return machine

    yield make
    for machine in machines:
        machine.close()
