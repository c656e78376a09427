"""Attributes of a vCPU: its timers' interrupts, its PMU, its stolen time.

Sources: kvm_arm_timer_*_attr in arch/arm64/kvm/arch_timer.c, kvm_arm_pmu_v3_*_attr in pmu-emul.c
and kvm_arm_pvtime_*_attr in pvtime.c of Linux 6.1.
"""

from __future__ import annotations

from emu.arch.gicv3 import PRIVATE_COUNT, SGI_COUNT
from emu.arch.kvm_devices import (
    PVTIME_IPA,
    TimerAttribute,
    VcpuGroup,
)
from emu.arch.pvtime import STOLEN_TIME_ALIGNMENT
from emu.cpu import Vcpu
from emu.errors import Errno, GuestError, IncompatibleError, KvmError
from emu.hypervisor.kvm.access import attribute_refused
from emu.hypervisor.kvm.vm_state import VmState

_NOWHERE = (1 << 64) - 1
"""GPA_INVALID: where stolen time is told before a VMM has said where."""

_PPIS = range(SGI_COUNT, PRIVATE_COUNT)


class VcpuAttributes:
    """What KVM_*_DEVICE_ATTR reach on one vCPU."""

    def __init__(self, vcpu: Vcpu, vm: VmState) -> None:
        self._vcpu = vcpu
        self._vm = vm

    def has(self, group: int, attribute: int) -> None:
        """Raise `KvmError` (ENXIO) unless there is this attribute."""
        if group == VcpuGroup.TIMER_CTRL and attribute in set(TimerAttribute):
            return
        if group == VcpuGroup.PVTIME_CTRL and attribute == PVTIME_IPA:
            return
        raise self._refused("ENXIO", "HAS", group, attribute, "a timer's interrupt or PVTIME_IPA")

    def get(self, group: int, attribute: int) -> int:
        """What the attribute is."""
        self._check_pmu("GET", group, attribute)
        self.has(group, attribute)
        if group == VcpuGroup.PVTIME_CTRL:
            address = self._vm.machine.stolen_time.address(self._vcpu.index)
            return _NOWHERE if address is None else address
        return self._timer_intid(attribute)

    def set(self, group: int, attribute: int, value: int) -> None:
        """Set the attribute."""
        self._check_pmu("SET", group, attribute)
        if group == VcpuGroup.TIMER_CTRL:
            self._set_timer_intid(attribute, value)
        else:
            self.has(group, attribute)
            self._set_stolen_time(value)

    def _check_pmu(self, verb: str, group: int, attribute: int) -> None:
        if group == VcpuGroup.PMU_V3_CTRL:
            raise self._refused("ENODEV", verb, group, attribute, "a vCPU with PMU_V3")

    def _timer_intid(self, attribute: int) -> int:
        timers = self._vm.machine.board.timers
        return timers.virtual if attribute == TimerAttribute.IRQ_VTIMER else timers.physical

    def _set_timer_intid(self, attribute: int, intid: int) -> None:
        group = VcpuGroup.TIMER_CTRL
        if not self._vm.has_gic:
            raise self._refused("EINVAL", "SET", group, attribute, "an interrupt controller first")
        if intid not in _PPIS:
            raise self._refused("EINVAL", "SET", group, attribute, f"a PPI, not INTID {intid}")
        if self._vm.has_run:
            raise self._refused("EBUSY", "SET", group, attribute, "a vCPU that has not run")
        self.has(group, attribute)
        wired = self._timer_intid(attribute)
        if intid != wired:
            raise IncompatibleError(
                f"{TimerAttribute(attribute).name} is to be INTID {intid}; the board "
                f"{self._vm.machine.board.name} has that timer at {wired}"
            )

    def _set_stolen_time(self, address: int) -> None:
        group, stolen_time = VcpuGroup.PVTIME_CTRL, self._vm.machine.stolen_time
        if address % STOLEN_TIME_ALIGNMENT:
            raise self._refused("EINVAL", "SET", group, PVTIME_IPA, "a multiple of 64")
        if stolen_time.address(self._vcpu.index) is not None:
            raise self._refused("EEXIST", "SET", group, PVTIME_IPA, "to be set once")
        try:
            stolen_time.place(self._vcpu.index, address)
        except GuestError as error:
            raise self._refused("EINVAL", "SET", group, PVTIME_IPA, f"RAM: {error}") from None

    def _refused(
        self, errno: Errno, verb: str, group: int, attribute: int, expected: str
    ) -> KvmError:
        name = VcpuGroup(group).name if group in set(VcpuGroup) else f"group {group}"
        what = f"vCPU {self._vcpu.index}: {name}, attribute {attribute}"
        return attribute_refused(errno, verb, what, f"expected {expected}")
