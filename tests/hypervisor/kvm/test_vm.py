"""A VM of KVM: the order of creation, capabilities, injected interrupts."""

from __future__ import annotations

import pytest

from emu.arch.kvm_devices import Capability, IrqType, IrqWord, VgicControl, VgicGroup
from emu.arch.kvm_reg_list import HostKernel
from emu.errors import Errno, IncompatibleError
from emu.hypervisor.kvm import KvmVgic, KvmVm
from emu.machine import Machine
from tests.hypervisor.kvm.surface import (
    initialized_gic,
    initialized_vcpu,
    pretend_executed,
    refused,
)

# --- order -------------------------------------------------------------------------------------


def test_vcpus_come_before_the_gic_is_initialised(vm: KvmVm) -> None:
    """Firecracker creates the vCPUs first for this reason."""
    initialized_vcpu(vm)
    initialized_gic(vm)
    with refused("EBUSY", "vGIC"):
        vm.create_vcpu(0)


def test_a_vcpu_is_created_once(vm: KvmVm) -> None:
    vm.create_vcpu(0)
    with refused("EEXIST"):
        vm.create_vcpu(0)
    for index in (-1, 512):
        with refused("EINVAL"):
            vm.create_vcpu(index)
    with pytest.raises(IncompatibleError, match="has 1"):
        vm.create_vcpu(1)


def test_one_gic_and_before_the_guest_runs(vm: KvmVm, machine: Machine) -> None:
    pretend_executed(machine, 1)
    with refused("EBUSY"):
        vm.create_gic()
    pretend_executed(machine, 0)
    with refused("ENODEV", "version 2"):
        vm.create_gic(version=2)
    vm.create_gic()
    with refused("EEXIST"):
        vm.create_gic()


def test_a_running_machine_is_found_as_it_is(machine: Machine, kernel: HostKernel) -> None:
    machine.vcpus[0].engine.pc = 0x8000_0000
    pretend_executed(machine, 7)
    vm = KvmVm.attach(machine, kernel)
    (vcpu,) = vm.vcpus
    assert vcpu.get_one_reg(0x6030_0000_0010_0040) == 0x8000_0000
    assert vm.gic is not None
    assert vm.gic.get_device_attr(VgicGroup.NR_IRQS, 0) == 128
    assert vm.gic.get_device_attr(VgicGroup.DIST_REGS, 0) == 0x50


# --- capabilities ------------------------------------------------------------------------------

FIRECRACKER_NEEDS = (
    *(Capability.IOEVENTFD, Capability.IRQFD, Capability.USER_MEMORY, Capability.ARM_PSCI_0_2),
    *(Capability.DEVICE_CTRL, Capability.MP_STATE, Capability.ONE_REG),
)
"""`DEFAULT_CAPABILITIES` of src/vmm/src/arch/aarch64/kvm.rs."""


def test_what_firecracker_needs_is_there(standing_vm: KvmVm) -> None:
    assert all(standing_vm.check_extension(capability) for capability in FIRECRACKER_NEEDS)
    assert standing_vm.check_extension(Capability.COUNTER_OFFSET) == 1


def test_what_the_processor_has_not_the_host_has_not(vm: KvmVm, kernel: HostKernel) -> None:
    for capability in (Capability.ARM_SVE, Capability.ARM_PMU_V3, Capability.ARM_EL1_32BIT, 999):
        assert vm.check_extension(capability) == 0
    assert vm.check_extension(Capability.ARM_PTRAUTH_ADDRESS) == 1
    assert vm.check_extension(Capability.NR_VCPUS) == 32
    masks = vm.check_extension(Capability.ARM_SUPPORTED_REG_MASK_RANGES)
    assert masks == (kernel is HostKernel.LINUX_6_18)


# --- interrupts --------------------------------------------------------------------------------


def word(kind: int, number: int, vcpu: int = 0) -> int:
    return IrqWord().replace(Type=kind, Number=number, Vcpu=vcpu).value


REFUSED: list[tuple[str, int, Errno]] = [
    ("a CPU's pin, with a vGIC", word(IrqType.CPU, 0), "ENXIO"),
    ("a type that is not there", word(5, 40), "EINVAL"),
    ("a PPI as SPI", word(IrqType.SPI, 31), "EINVAL"),
    ("an SGI", word(IrqType.PPI, 15), "EINVAL"),
    ("an SPI as PPI", word(IrqType.PPI, 32), "EINVAL"),
    ("an SPI that the vGIC has not", word(IrqType.SPI, 128), "EINVAL"),
    ("a vCPU that there is not", word(IrqType.PPI, 20, vcpu=1), "EINVAL"),
    ("a vCPU above 255", IrqWord(word(IrqType.PPI, 20)).replace(Vcpu2=1).value, "EINVAL"),
]


@pytest.mark.parametrize(("what", "irq", "errno"), REFUSED, ids=[row[0] for row in REFUSED])
def test_irq_lines_that_are_refused(standing_vm: KvmVm, what: str, irq: int, errno: Errno) -> None:
    with refused(errno, "KVM_IRQ_LINE"):
        standing_vm.irq_line(irq, True)


def test_irq_lines_need_an_initialised_gic(vm: KvmVm) -> None:
    initialized_vcpu(vm)
    with refused("ENXIO"):
        vm.irq_line(word(IrqType.SPI, 40), True)
    vm.create_gic()
    with refused("EBUSY"):
        vm.irq_line(word(IrqType.SPI, 40), True)


def test_a_level_interrupt_follows_its_line(vm: KvmVm, gic: KvmVgic, machine: Machine) -> None:
    spis = machine.gic.interrupts(None)
    spis.edge = 0
    vm.irq_line(word(IrqType.SPI, 40), True)
    assert spis.pending == 1 << 8
    vm.irq_line(word(IrqType.SPI, 40), False)
    assert spis.pending == 0
    vm.irq_line(word(IrqType.PPI, 20), True)
    assert machine.gic.interrupts(0).pending == 1 << 20


def test_an_edge_interrupt_pends_at_each_high_level(
    vm: KvmVm, gic: KvmVgic, machine: Machine
) -> None:
    """KVM looks at no edge: the line may not have been low in between."""
    spis = machine.gic.interrupts(None)
    spis.edge = 1 << 8
    for _ in range(2):
        vm.irq_line(word(IrqType.SPI, 40), True)
        assert spis.latch == 1 << 8
        spis.acknowledge(40)
        assert spis.latch == 0
    vm.irq_line(word(IrqType.SPI, 40), False)
    assert spis.pending == 0


def test_the_timers_own_their_interrupts_once_the_vm_has_run(
    vm: KvmVm, gic: KvmVgic, machine: Machine
) -> None:
    ppis = machine.gic.interrupts(0)
    vm.irq_line(word(IrqType.PPI, 27), True)
    assert ppis.pending == 1 << 27
    vm.irq_line(word(IrqType.PPI, 27), False)
    pretend_executed(machine, 1)
    vm.irq_line(word(IrqType.PPI, 27), True)
    assert ppis.pending == 0
    vm.irq_line(word(IrqType.PPI, 28), True)
    assert ppis.pending == 1 << 28


def test_an_irqfd_pends_its_spi_if_that_is_edge_triggered(
    vm: KvmVm, gic: KvmVgic, machine: Machine
) -> None:
    """GSI n is INTID 32 + n. A level interrupt that goes high and low again leaves nothing."""
    spis = machine.gic.interrupts(None)
    spis.edge = 1 << 15
    vm.irqfd(15).pulse()
    vm.irqfd(16).pulse()
    assert spis.pending == 1 << 15
    for gsi in (-1, 96):
        with refused("EINVAL", str(gsi)):
            vm.irqfd(gsi)


def test_an_irqfd_without_a_gic_is_lost(vm: KvmVm, machine: Machine) -> None:
    initialized_vcpu(vm)
    machine.gic.interrupts(None).edge = 1 << 15
    vm.create_gic()
    vm.irqfd(15).pulse()
    assert machine.gic.interrupts(None).pending == 0


def test_init_is_no_error_the_second_time(gic: KvmVgic) -> None:
    gic.set_device_attr(VgicGroup.CTRL, VgicControl.INIT)
