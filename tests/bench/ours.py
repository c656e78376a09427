"""A benchmark's guest on a machine of ours."""

from __future__ import annotations

from emu.arch.gicv3 import GICR
from emu.arch.sysregs import BY_NAME
from emu.boards.squib import SQUIB
from emu.cpu import Vcpu
from emu.machine import Machine, Power, RoundRobin
from tests.bench import guests
from tests.bench.guests import Guest

_ALL_PRIVATE = 0xFFFF_FFFF
_GICD_CTLR, _ENABLE_GROUP_1 = 0x0, 0x2


class Ours:
    """A machine of the squib board whose vCPUs all run `guest`.

    Args:
        guest: what they run.
        vcpu_count: how many there are.
        quantum: instructions of a turn; they take turns.
    """

    def __init__(self, guest: Guest, *, vcpu_count: int = 1, quantum: int = 10_000) -> None:
        self._instructions = guest.instructions
        self.machine = Machine(
            SQUIB, ram=guest.new_ram(), vcpu_count=vcpu_count, schedule=RoundRobin(quantum)
        )
        self.machine.gic.distributor.write(_GICD_CTLR, 4, _ENABLE_GROUP_1)
        for vcpu in self.machine.vcpus:
            self._open_gic(vcpu.index)
            self._start(vcpu, guest)

    def run(self, rounds: int) -> None:
        """Go so often through the guest's loop."""
        self.machine.run(rounds * self._instructions)

    def close(self) -> None:
        """Free the cores."""
        self.machine.close()

    def _open_gic(self, vcpu: int) -> None:
        redistributors, first = self.machine.gic.redistributors, vcpu * SQUIB.gicr.stride_bytes
        for name, value in (
            ("WAKER", 0),
            ("IGROUPR0", _ALL_PRIVATE),
            ("ISENABLER0", _ALL_PRIVATE),
        ):
            redistributors.write(first + GICR[f"GICR_{name}"], 4, value)
        for name, value in (("PMR", 0xF0), ("IGRPEN1", 1)):
            self.machine.gic.cpu_interface(vcpu)[f"ICC_{name}_EL1"].write(value)

    def _start(self, vcpu: Vcpu, guest: Guest) -> None:
        timer_on = {"CNTV_CTL_EL0": 1, "CNTV_CVAL_EL0": (1 << 64) - 1}
        for name, value in {"VBAR_EL1": guests.VECTORS, **timer_on}.items():
            vcpu.set_sysreg(BY_NAME[name], value)
        if guest.mmu:
            mmu_on = vcpu.get_sysreg(BY_NAME["SCTLR_EL1"]) | 1
            for name, value in {**guests.TRANSLATION, "SCTLR_EL1": mmu_on}.items():
                vcpu.set_sysreg(BY_NAME[name], value)
        for register, value in guest.x.items():
            vcpu.engine.x[register] = value
        vcpu.engine.pc, vcpu.engine.pstate = guests.CODE, guest.pstate
        self.machine.psci.power[vcpu.index] = Power.ON
