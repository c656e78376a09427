"""PSCI 1.1: what a guest may ask of the monitor by HVC.

Source: Arm DEN 0022 F; the set of functions is squib's (its `psci` table): all else gives
NOT_SUPPORTED.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from emu.arch.gicv3 import AFFINITY_MASK
from emu.arch.psci import TRUSTED_OS_NOT_PRESENT, VERSION_1_1, Function, Status
from emu.core.events import EventStream, HypervisorCall
from emu.cpu import Vcpu

_MASK64 = (1 << 64) - 1
_AFFINITY_ON = 0
_AFFINITY_OFF = 1


class Power(Enum):
    """PSCI power state of a vCPU, with squib's names."""

    ON = "On"
    OFF = "Off"
    ON_PENDING = "OnPending"


class Psci:
    """The PSCI implementation of a machine.

    Args:
        vcpus: all vCPUs; the list may still be filled after this is made.
        boot_pstate: PSTATE of a vCPU that CPU_ON starts, in the form of SPSR_EL1.
        on_power_change: called when a vCPU was turned on or off.
        on_system_off: called for SYSTEM_OFF and SYSTEM_RESET, with which it was.

    Attributes:
        power: power state of each vCPU, in their order.
    """

    def __init__(
        self,
        vcpus: Sequence[Vcpu],
        *,
        boot_pstate: int,
        events: EventStream,
        on_power_change: Callable[[], None],
        on_system_off: Callable[[Function], None],
    ) -> None:
        self._vcpus = vcpus
        self._boot_pstate = boot_pstate
        self._events = events
        self._on_power_change = on_power_change
        self._on_system_off = on_system_off
        self.power: list[Power] = []
        self._calls: dict[int, Callable[[Vcpu], int]] = {
            Function.PSCI_VERSION: lambda _vcpu: VERSION_1_1,
            Function.CPU_OFF: self._cpu_off,
            Function.CPU_ON: self._cpu_on,
            Function.AFFINITY_INFO: self._affinity_info,
            Function.MIGRATE_INFO_TYPE: lambda _vcpu: TRUSTED_OS_NOT_PRESENT,
            Function.SYSTEM_OFF: lambda _vcpu: self._system_off(Function.SYSTEM_OFF),
            Function.SYSTEM_RESET: lambda _vcpu: self._system_off(Function.SYSTEM_RESET),
            Function.PSCI_FEATURES: self._features,
        }

    def handle(self, vcpu: Vcpu) -> None:
        """Carry out the call whose function id is in W0, and leave its result in X0."""
        x = vcpu.engine.x
        function = x[0] & 0xFFFF_FFFF
        call = self._calls.get(function)
        result = (call(vcpu) if call else Status.NOT_SUPPORTED) & _MASK64
        x[0] = result
        if self._events.active:
            self._events.emit(HypervisorCall(vcpu.index, function, result))

    def _features(self, vcpu: Vcpu) -> int:
        asked = vcpu.engine.x[1] & 0xFFFF_FFFF
        return Status.SUCCESS if asked in self._calls else Status.NOT_SUPPORTED

    def _cpu_off(self, vcpu: Vcpu) -> int:
        self.power[vcpu.index] = Power.OFF
        self._on_power_change()
        return Status.SUCCESS

    def _cpu_on(self, vcpu: Vcpu) -> int:
        target = self._find(vcpu.engine.x[1])
        if target is None:
            return Status.INVALID_PARAMETERS
        if self.power[target.index] is not Power.OFF:
            return Status.ALREADY_ON
        target.engine.pc = vcpu.engine.x[2]
        target.engine.x[0] = vcpu.engine.x[3]
        target.engine.pstate = self._boot_pstate
        self.power[target.index] = Power.ON
        self._on_power_change()
        return Status.SUCCESS

    def _affinity_info(self, vcpu: Vcpu) -> int:
        target = self._find(vcpu.engine.x[1])
        if target is None:
            return Status.INVALID_PARAMETERS
        return _AFFINITY_OFF if self.power[target.index] is Power.OFF else _AFFINITY_ON

    def _system_off(self, function: Function) -> int:
        self._on_system_off(function)
        return Status.SUCCESS

    def _find(self, affinity: int) -> Vcpu | None:
        wanted = affinity & AFFINITY_MASK
        return next((v for v in self._vcpus if v.mpidr & AFFINITY_MASK == wanted), None)
