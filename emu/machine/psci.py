"""PSCI: the power states of the vCPUs, and what a guest asks about them.

Sources: Arm DEN 0022 F.b, chapter 5; where it leaves a choice, arch/arm64/kvm/psci.c of Linux 6.1
(of 6.13 for SYSTEM_OFF2). Which functions there are, and which choices, the board says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

from emu.arch.gicv3 import AFFINITY_MASK
from emu.arch.psci import (
    HIBERNATE_OFF,
    SYSTEM_WARM_RESET,
    TRUSTED_OS_NOT_PRESENT,
    VENDOR_RESET_FIRST,
    AffinityState,
    Function,
    Status,
)
from emu.arch.smccc import Function as SmcccFunction
from emu.core.ram import Ram
from emu.cpu import Vcpu
from emu.machine.call import Call, Handler

_AFFINITY_LEVELS = 4
_AFFINITY_LEVEL_BITS = 8
_FUNCTIONS = frozenset[int](Function)
_SYSTEM_OFF2 = (Function.SYSTEM_OFF2_SMC32, Function.SYSTEM_OFF2)


class Power(Enum):
    """PSCI power state of a vCPU, with squib's names."""

    ON = "On"
    OFF = "Off"
    ON_PENDING = "OnPending"


class Psci:
    """The power controller of a machine.

    Args:
        vcpus: all vCPUs; the list may still be filled after this is made.
        ram: where an entry point must be.
        boot_pstate: PSTATE of a vCPU that CPU_ON starts, in the form of SPSR_EL1.
        on_power_change: called when a vCPU was turned on or off.
        on_system_off: called with SYSTEM_OFF when the guest powers off, in whichever way, and with
            SYSTEM_RESET when it resets the system.

    Attributes:
        power: power state of each vCPU, in their order.
    """

    def __init__(
        self,
        vcpus: Sequence[Vcpu],
        *,
        ram: Ram,
        boot_pstate: int,
        on_power_change: Callable[[], None],
        on_system_off: Callable[[Function], None],
    ) -> None:
        self._vcpus = vcpus
        self._ram = ram
        self._boot_pstate = boot_pstate
        self._on_power_change = on_power_change
        self._on_system_off = on_system_off
        self.power: list[Power] = []

    @property
    def handlers(self) -> Mapping[int, Handler]:
        """What carries out each function."""
        return {
            Function.PSCI_VERSION: lambda call: call.services.psci_version,
            Function.CPU_SUSPEND_SMC32: _cpu_suspend,
            Function.CPU_SUSPEND: _cpu_suspend,
            Function.CPU_OFF: self._cpu_off,
            Function.CPU_ON_SMC32: self._cpu_on,
            Function.CPU_ON: self._cpu_on,
            Function.AFFINITY_INFO_SMC32: self._affinity_info,
            Function.AFFINITY_INFO: self._affinity_info,
            Function.MIGRATE_INFO_TYPE: lambda _call: TRUSTED_OS_NOT_PRESENT,
            Function.SYSTEM_OFF: lambda _call: self._end(Function.SYSTEM_OFF),
            Function.SYSTEM_OFF2_SMC32: self._system_off2,
            Function.SYSTEM_OFF2: self._system_off2,
            Function.SYSTEM_RESET: lambda _call: self._end(Function.SYSTEM_RESET),
            Function.SYSTEM_RESET2_SMC32: self._system_reset2,
            Function.SYSTEM_RESET2: self._system_reset2,
            Function.PSCI_FEATURES: _features,
        }

    # --- one vCPU ----------------------------------------------------------------------------

    def _cpu_off(self, call: Call) -> int:
        self.power[call.vcpu.index] = Power.OFF
        self._on_power_change()
        return Status.SUCCESS

    def _cpu_on(self, call: Call) -> int:
        """Reset the vCPU of that affinity, and start it at the entry point with the context id."""
        affinity, entry_point, context_id = (call.argument(n) for n in (1, 2, 3))
        target = next((v for v in self._vcpus if v.mpidr & AFFINITY_MASK == affinity), None)
        if target is None:
            return Status.INVALID_PARAMETERS
        match self.power[target.index]:
            case Power.ON:
                return Status.ALREADY_ON
            case Power.ON_PENDING:
                return Status.ON_PENDING
        if call.services.checks_entry_point and not self._is_in_ram(entry_point):
            return Status.INVALID_ADDRESS
        target.reset()
        target.engine.pc = entry_point
        target.engine.x[0] = context_id
        target.engine.pstate = self._boot_pstate
        self.power[target.index] = Power.ON
        self._on_power_change()
        return Status.SUCCESS

    def _is_in_ram(self, address: int) -> bool:
        return self._ram.base <= address < self._ram.base + self._ram.size_bytes

    def _affinity_info(self, call: Call) -> int:
        """The state of all vCPUs that have this affinity, from a level upwards."""
        affinity, lowest_level = call.argument(1), call.argument(2)
        if affinity & ~AFFINITY_MASK or lowest_level >= _AFFINITY_LEVELS:
            return Status.INVALID_PARAMETERS
        mask = AFFINITY_MASK & -1 << _AFFINITY_LEVEL_BITS * lowest_level
        states = [
            self.power[vcpu.index] for vcpu in self._vcpus if (vcpu.mpidr ^ affinity) & mask == 0
        ]
        if not states:
            return Status.INVALID_PARAMETERS
        if Power.ON in states:
            return AffinityState.ON
        return AffinityState.ON_PENDING if Power.ON_PENDING in states else AffinityState.OFF

    # --- all of them -------------------------------------------------------------------------

    def _system_off2(self, call: Call) -> int:
        """Power off, with what is in memory saved by the guest."""
        kind, cookie = call.argument(1), call.argument(2)
        if kind not in (0, HIBERNATE_OFF) or cookie:
            return Status.INVALID_PARAMETERS
        return self._end(Function.SYSTEM_OFF)

    def _system_reset2(self, call: Call) -> int:
        """A reset of a given type; the one that Arm defines keeps memory as it is."""
        kind = call.argument(1)
        of_vendor = call.services.vendor_resets and kind >= VENDOR_RESET_FIRST
        if kind != SYSTEM_WARM_RESET and not of_vendor:
            return Status.INVALID_PARAMETERS
        return self._end(Function.SYSTEM_RESET)

    def _end(self, function: Function) -> int:
        self._on_system_off(function)
        return Status.SUCCESS


def _cpu_suspend(call: Call) -> int:
    """Wait as WFI does: whatever power state is asked for, the vCPU keeps all that it holds.

    PSCI lets an implementation treat a power-down state as standby, and then return behind the
    call. KVM does so (`kvm_psci_vcpu_suspend`).
    """
    call.vcpu.engine.wait()
    return Status.SUCCESS


def _features(call: Call) -> int:
    """Which functions of PSCI there are, and whether there is an SMCCC_VERSION to ask."""
    asked = call.argument(1)
    known = asked in _FUNCTIONS or asked == SmcccFunction.SMCCC_VERSION
    if not known or asked not in call.services.functions:
        return Status.NOT_SUPPORTED
    return HIBERNATE_OFF if asked in _SYSTEM_OFF2 else Status.SUCCESS
