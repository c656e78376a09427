"""Several vCPUs: what belongs to one of them, what to the VM, and a guest that uses two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.arch.kvm import MpState, VcpuFeature
from emu.arch.kvm_devices import IrqType, IrqWord, VgicAttribute, VgicGroup
from emu.arch.kvm_reg_list import HostKernel
from emu.arch.sysregs import BY_NAME as SYSREGS_BY_NAME
from emu.boards.squib import SQUIB
from emu.core.ram import Ram
from emu.hypervisor.kvm import Change, Host, KvmVm
from emu.machine import Machine, Stop
from harness.selfcheck import read_selfcheck
from tests.hypervisor.kvm import firecracker_calls
from tests.hypervisor.kvm.booted import boot, machine_with, through_kvm
from tests.hypervisor.kvm.surface import (
    FIRECRACKER_INIT,
    RAM_SIZE_BYTES,
    init_with,
    refused,
    reg,
)

PMR = SYSREGS_BY_NAME["ICC_PMR_EL1"].encoding
GICR_ISENABLER0 = 0x1_0100
SECOND = VgicAttribute().replace(Affinity=1).value
"""Aff0 is 1: the second vCPU's."""


@pytest.fixture
def pair() -> Iterator[Machine]:
    """A machine of two vCPUs."""
    with machine_with(Ram(SQUIB.dram_base, RAM_SIZE_BYTES), vcpu_count=2) as machine:
        yield machine


def created(pair: Machine, kernel: HostKernel) -> KvmVm:
    """Both vCPUs are created and initialised, and the GIC is."""
    vm = KvmVm(pair, kernel)
    vcpus = [vm.create_vcpu(index) for index in range(2)]
    firecracker_calls.create_gic(vm, SQUIB, 2)
    for vcpu in vcpus:
        vcpu.init(FIRECRACKER_INIT)
    return vm


@pytest.mark.parametrize("count", ["CNTVCT_EL0", "CNTPCT_EL0"])
def test_a_count_belongs_to_the_vm(pair: Machine, kernel: HostKernel, count: str) -> None:
    """Restored vCPU by vCPU, the count of the last one is that of all."""
    first, second = created(pair, kernel).vcpus
    for vcpu, value in ((first, 1_000), (second, 2_000)):
        vcpu.set_one_reg(reg(count), value)
    assert [vcpu.get_one_reg(reg(count)) for vcpu in (first, second)] == [2_000, 2_000]


def test_identification_belongs_to_the_vm(pair: Machine) -> None:
    """But MPIDR_EL1 and the caches."""
    first, second = created(pair, HostKernel.LINUX_6_18).vcpus
    lower = first.get_one_reg(reg("ID_AA64ISAR0_EL1")) - 0x10
    second.set_one_reg(reg("ID_AA64ISAR0_EL1"), lower)
    assert first.get_one_reg(reg("ID_AA64ISAR0_EL1")) == lower
    second.set_one_reg(reg("CCSIDR[0]"), 0x3)
    assert first.get_one_reg(reg("CCSIDR[0]")) == 0x2
    assert [vcpu.get_one_reg(reg("MPIDR_EL1")) & 0xFF for vcpu in (first, second)] == [0, 1]


def test_features_belong_to_the_vm_on_new_kernels(pair: Machine, kernel: HostKernel) -> None:
    vm = KvmVm(pair, kernel)
    keys = VcpuFeature.PTRAUTH_ADDRESS, VcpuFeature.PTRAUTH_GENERIC
    vm.create_vcpu(0).init(FIRECRACKER_INIT)
    second = vm.create_vcpu(1)
    if Host(kernel).has(Change.FEATURES_BELONG_TO_THE_VM):
        with refused("EINVAL", "as before"):
            second.init(init_with(VcpuFeature.PSCI_0_2, *keys))
    else:
        second.init(init_with(VcpuFeature.PSCI_0_2, *keys))
        assert len(second.get_reg_list()) == len(vm.vcpus[0].get_reg_list()) + 10


def test_power_off_is_one_vcpus(pair: Machine) -> None:
    vm = KvmVm(pair, HostKernel.LINUX_6_18)
    vm.create_vcpu(0).init(FIRECRACKER_INIT)
    vm.create_vcpu(1).init(FIRECRACKER_INIT.with_feature(VcpuFeature.POWER_OFF))
    assert [vcpu.get_mp_state() for vcpu in vm.vcpus] == [MpState.RUNNABLE, MpState.STOPPED]


def test_the_affinity_selects_redistributor_and_cpu_interface(pair: Machine) -> None:
    gic = created(pair, HostKernel.LINUX_6_1).gic
    assert gic is not None
    redist, icc = VgicGroup.REDIST_REGS, VgicGroup.CPU_SYSREGS
    gic.set_device_attr(redist, SECOND | GICR_ISENABLER0, 1 << 20)
    gic.set_device_attr(icc, SECOND | PMR, 0xF0)
    assert pair.gic.interrupts(1).enabled >> 20 & 1
    assert not pair.gic.interrupts(0).enabled >> 20 & 1
    assert gic.get_device_attr(icc, SECOND | PMR) == 0xF0
    assert gic.get_device_attr(icc, PMR) == 0


def test_a_ppi_is_one_vcpus(pair: Machine) -> None:
    vm = created(pair, HostKernel.LINUX_6_1)
    vm.irq_line(IrqWord().replace(Type=IrqType.PPI, Number=20, Vcpu=1).value, True)
    assert pair.gic.interrupts(0).pending == 0
    assert pair.gic.interrupts(1).pending == 1 << 20


@pytest.mark.parametrize("before", [1_000, 40_000, 90_000])
def test_a_guest_of_two_vcpus_goes_on(kernel: HostKernel, before: int) -> None:
    """Turned on by CPU_ON or not yet, sending SGIs to each other, an SPI to each: every check of
    the guest passes.
    """
    with boot("smp", kernel, vcpu_count=2) as saved:
        assert saved.run(before) is Stop.LIMIT
        with through_kvm(saved, kernel) as restored:
            restored.console[:] = saved.console
            assert restored.run(1_000_000) is Stop.SYSTEM_OFF
            found = read_selfcheck(restored, "smp")
    found.require_success()
    assert len(found.checks) == 18
