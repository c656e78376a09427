"""KVM's firmware registers: what the guest is offered of PSCI and SMCCC.

They belong to the VM: set on one vCPU, they are set for all. The workarounds' are only checked: a
guest may come from a host that had less of them, not from one that had more.

Source: kvm_arm_get_fw_reg, kvm_arm_set_fw_reg and kvm_arm_set_fw_reg_bmap in
arch/arm64/kvm/hypercalls.c of Linux 6.1 (5.10: psci.c).
"""

from __future__ import annotations

from functools import partial
from typing import Final

from emu.arch import one_reg
from emu.arch.kvm_layouts import SMCCC_ARCH_WORKAROUND, SMCCC_ARCH_WORKAROUND_2
from emu.arch.one_reg import OneReg
from emu.hypervisor.kvm.access import Access, Accesses, refused
from emu.hypervisor.kvm.host import SERVICES, WORKAROUND_LEVELS
from emu.hypervisor.kvm.vm_state import VmState

_WORKAROUND_2: Final = "SMCCC_ARCH_WORKAROUND_2"

_AVAILABLE, _NOT_REQUIRED = 2, 3
_NEEDED_FOR: Final = {0: 0, 1: 0, _AVAILABLE: _NOT_REQUIRED, _NOT_REQUIRED: _NOT_REQUIRED}
"""Level of workaround 2 that the host must have, by that of the guest: KVM knows no more than
"not available" and "not required"."""

_ENABLED: Final = SMCCC_ARCH_WORKAROUND_2().replace(Level=_AVAILABLE, Enabled=1).value


def firmware_registers(vm: VmState) -> Accesses:
    """The firmware registers and the feature bitmaps."""
    accesses = {
        "PSCI_VERSION": Access(lambda: vm.firmware["PSCI_VERSION"], partial(_set_version, vm))
    }
    for name, level in WORKAROUND_LEVELS.items():
        check = _check_workaround_2 if name == _WORKAROUND_2 else _check_workaround
        accesses[name] = Access(partial(int, level), partial(check, one_reg.BY_NAME[name]))
    for name in SERVICES:
        accesses[name] = Access(partial(_offered, vm, name), partial(_offer, vm, name))
    return accesses


def _set_version(vm: VmState, value: int) -> None:
    possible = vm.host.psci_versions
    if value not in possible:
        raise refused(
            one_reg.BY_NAME["PSCI_VERSION"], value, f"one of {', '.join(map(hex, possible))}"
        )
    vm.set_firmware(PSCI_VERSION=value)


def _check_workaround(reg: OneReg, value: int) -> None:
    highest = WORKAROUND_LEVELS[reg.name]
    if value & ~SMCCC_ARCH_WORKAROUND.Level.mask or value > highest:
        raise refused(reg, value, f"a level of 0 to {highest}, which the host has")


def _check_workaround_2(reg: OneReg, value: int) -> None:
    if value not in _NEEDED_FOR and value != _ENABLED:
        raise refused(reg, value, "a level of 0 to 3, and Enabled (bit 4) with level 2 only")
    if _NEEDED_FOR[SMCCC_ARCH_WORKAROUND_2(value).Level] > WORKAROUND_LEVELS[reg.name]:
        raise refused(reg, value, "a level that the host has")


def _offered(vm: VmState, name: str) -> int:
    return vm.firmware[name]


def _offer(vm: VmState, name: str, value: int) -> None:
    reg, present = one_reg.BY_NAME[name], vm.firmware[name]
    if value & ~SERVICES[name]:
        raise refused(reg, value, f"no bits but {SERVICES[name]:#x}: there are no other services")
    if vm.has_run and value != present:
        raise refused(reg, value, f"{present:#x}, which it was when the VM first ran", "EBUSY")
    if value != present:
        vm.set_firmware(**{name: value})
