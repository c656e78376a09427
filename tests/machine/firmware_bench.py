"""vCPUs with firmware, and no machine around them: each call is an instruction that a core runs."""

from __future__ import annotations

from emu.arch.psci import Function
from emu.arch.smccc import Conduit
from emu.boards.services import FirmwareServices
from emu.core.events import Stamped
from emu.core.ports import Entropy
from emu.machine import Power
from emu.machine.psci import Psci
from emu.machine.smccc import FirmwareCalls
from emu.machine.stolen_time import StolenTime
from tests import a64
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import LoneVcpu

RES1 = 1 << 31
CYCLES_PER_S = 2_000_000_000
WORDS = {Conduit.HVC: a64.hvc, Conduit.SMC: a64.smc}


def signed(value: int) -> int:
    """A register's 64 bits as a signed number."""
    return value - (value >> 63 << 64)


class FirmwareBench:
    """vCPUs of these affinities; the first is on, the others are off."""

    def __init__(
        self,
        services: FirmwareServices,
        *,
        affinities: tuple[int, ...] = (0,),
        entropy: Entropy | None = None,
    ) -> None:
        self.lone = [
            LoneVcpu(index=index, mpidr=RES1 | affinity)
            for index, affinity in enumerate(affinities)
        ]
        self.vcpus = [lone.vcpu for lone in self.lone]
        self.power_changes = 0
        self.ended: list[Function] = []
        self.psci = Psci(
            self.vcpus,
            ram=self.lone[0].ram,
            boot_pstate=at.EL1H,
            on_power_change=self._count,
            on_system_off=self.ended.append,
        )
        self.psci.power[:] = [Power.ON] + [Power.OFF] * (len(affinities) - 1)
        events = self.lone[0].events
        self.stolen_time = StolenTime(self.lone[0].ram, CYCLES_PER_S, self._let_pass)
        self.firmware = FirmwareCalls(
            services,
            psci=self.psci,
            stolen_time=self.stolen_time,
            entropy=entropy,
            events=events,
        )
        for vcpu in self.vcpus:
            self.firmware.attach(vcpu)
        self.events: list[Stamped] = []
        events.subscribe(self.events.append)

    def _count(self) -> None:
        self.power_changes += 1

    def _let_pass(self, cycles: int) -> list[int]:
        self.lone[0].clock.advance(cycles)
        return [vcpu.index for vcpu in self.vcpus if self.psci.power[vcpu.index] is Power.ON]

    def execute(self, word: int, *arguments: int) -> tuple[int, ...]:
        """Let the first vCPU execute one instruction with these X registers; X0 to X3 after."""
        x = self.vcpus[0].engine.x
        for number in range(4):
            x[number] = arguments[number] if number < len(arguments) else 0
        self.lone[0].execute(word)
        return tuple(x[:4])

    def call(self, function: int, *arguments: int, conduit: Conduit = Conduit.HVC) -> int:
        """Make a call; what it leaves in X0, as a signed number."""
        return signed(self.execute(WORDS[conduit](0), function, *arguments)[0])
