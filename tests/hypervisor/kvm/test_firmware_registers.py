"""KVM's firmware registers: what the guest is offered of PSCI and SMCCC."""

from __future__ import annotations

import pytest

from emu.arch.kvm_reg_list import HostKernel
from emu.arch.psci import VERSION_0_2, Function
from emu.hypervisor.kvm import KvmVcpu, KvmVm
from emu.machine import Machine
from tests.hypervisor.kvm.surface import KERNELS, initialized_vcpu, pretend_executed, refused, reg

PSCI: list[tuple[HostKernel, int, int]] = [
    (HostKernel.LINUX_5_10, 0x1_0000, 0x1_0001),
    (HostKernel.LINUX_6_1, 0x1_0001, 0x1_0002),
    (HostKernel.LINUX_6_18, 0x1_0003, 0x1_0004),
]


@pytest.mark.parametrize(("kernel", "newest", "too_new"), PSCI, ids=str)
def test_psci_versions(vcpu: KvmVcpu, newest: int, too_new: int) -> None:
    """A new VM has the newest; it can have less, down to 0.2, as the vCPU has PSCI_0_2."""
    version = reg("PSCI_VERSION")
    assert vcpu.get_one_reg(version) == newest
    vcpu.set_one_reg(version, 0x2)
    assert vcpu.get_one_reg(version) == 0x2
    for value in (too_new, 0x1, 0x0, 1 << 32 | 0x2):
        with refused("EINVAL", "PSCI_VERSION"):
            vcpu.set_one_reg(version, value)


WORKAROUNDS = [
    ("SMCCC_ARCH_WORKAROUND_1", (0, 1, 2), (3, 0x10)),
    ("SMCCC_ARCH_WORKAROUND_2", (0, 1, 2, 3, 0x12), (4, 0x10, 0x11, 0x13, 0x20, 0x102)),
    ("SMCCC_ARCH_WORKAROUND_3", (0, 1, 2), (3, 0x12)),
]


@pytest.mark.parametrize(("name", "taken", "too_much"), WORKAROUNDS, ids=str)
def test_a_workaround_is_checked_and_stays_the_hosts(
    vcpu: KvmVcpu, name: str, taken: tuple[int, ...], too_much: tuple[int, ...]
) -> None:
    level = vcpu.get_one_reg(reg(name))
    for value in taken:
        vcpu.set_one_reg(reg(name), value)
        assert vcpu.get_one_reg(reg(name)) == level
    for value in too_much:
        with refused("EINVAL", name):
            vcpu.set_one_reg(reg(name), value)


@pytest.mark.parametrize("kernel", KERNELS[1:], ids=lambda kernel: kernel.value)
@pytest.mark.parametrize(("name", "most"), [("STD_BMAP", 1), ("VENDOR_HYP_BMAP", 3)])
def test_services_can_be_withdrawn_until_the_vm_runs(
    vm: KvmVm, machine: Machine, name: str, most: int
) -> None:
    vcpu = initialized_vcpu(vm)
    assert vcpu.get_one_reg(reg(name)) == most
    vcpu.set_one_reg(reg(name), 0)
    assert vcpu.get_one_reg(reg(name)) == 0
    with refused("EINVAL", name):
        vcpu.set_one_reg(reg(name), most + 1)
    pretend_executed(machine, 1)
    vcpu.set_one_reg(reg(name), 0)
    with refused("EBUSY", name):
        vcpu.set_one_reg(reg(name), most)


def test_the_firmware_registers_decide_what_the_guest_may_call(
    machine: Machine, kernel: HostKernel
) -> None:
    """KVM's services for a new VM; what the machine answers already, for one that runs."""
    before = machine.firmware.services
    attached = KvmVm.attach(machine, kernel).vcpus[0]
    assert machine.firmware.services == before
    assert attached.get_one_reg(reg("PSCI_VERSION")) == before.psci_version
    vcpu = initialized_vcpu(KvmVm(machine, kernel))
    services = machine.firmware.services
    assert services.psci_version == vcpu.get_one_reg(reg("PSCI_VERSION"))
    assert services.has_trng == (kernel is not HostKernel.LINUX_5_10)
    vcpu.set_one_reg(reg("PSCI_VERSION"), VERSION_0_2)
    assert machine.firmware.services.psci_version == VERSION_0_2
    assert Function.PSCI_FEATURES not in machine.firmware.services.functions
    if kernel is not HostKernel.LINUX_5_10:
        vcpu.set_one_reg(reg("STD_BMAP"), 0)
        assert not machine.firmware.services.has_trng
