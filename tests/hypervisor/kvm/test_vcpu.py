"""A vCPU of KVM: initialisation, power, attributes."""

from __future__ import annotations

import pytest

from emu.arch.kvm import MpState, Target, VcpuFeature
from emu.arch.kvm_devices import PVTIME_IPA, TimerAttribute, VcpuGroup
from emu.arch.kvm_reg_list import HostKernel, register_list
from emu.arch.one_reg import BY_NAME
from emu.boards.squib import SQUIB
from emu.errors import Errno, IncompatibleError
from emu.hypervisor.kvm import Change, Host, KvmVcpu, KvmVgic, KvmVm, VcpuInit
from emu.machine import Machine, Power
from tests.hypervisor.kvm.surface import (
    FIRECRACKER_INIT,
    init_with,
    initialized_vcpu,
    pretend_executed,
    refused,
)

PSCI, OFF = VcpuFeature.PSCI_0_2, VcpuFeature.POWER_OFF
KEYS = (VcpuFeature.PTRAUTH_ADDRESS, VcpuFeature.PTRAUTH_GENERIC)

INITS: list[tuple[str, VcpuInit, Errno]] = [
    ("another target", VcpuInit(target=Target.CORTEX_A53), "EINVAL"),
    ("a feature that is not there", VcpuInit(features=(1 << 20, *[0] * 6)), "ENOENT"),
    ("a feature of another word", VcpuInit(features=(4, 1, *[0] * 5)), "ENOENT"),
    ("AArch32", init_with(PSCI, VcpuFeature.EL1_32BIT), "EINVAL"),
    ("PMU", init_with(PSCI, VcpuFeature.PMU_V3), "EINVAL"),
    ("SVE", init_with(PSCI, VcpuFeature.SVE), "EINVAL"),
    ("half of pointer authentication", init_with(PSCI, KEYS[0]), "EINVAL"),
]


def test_features_that_this_host_has_not(vm: KvmVm) -> None:
    """A refused init leaves the vCPU without registers."""
    vcpu = vm.create_vcpu(0)
    for _, init, errno in INITS:
        with refused(errno, "vCPU 0"):
            vcpu.init(init)
        with refused("ENOEXEC"):
            vcpu.get_reg_list()


def test_psci_0_1_is_more_than_this_machine_can(vm: KvmVm) -> None:
    with pytest.raises(IncompatibleError, match="PSCI_0_2"):
        vm.create_vcpu(0).init(vm.preferred_target())


def test_nested_virtualization_is_unknown_to_old_kernels(vm: KvmVm, kernel: HostKernel) -> None:
    expected: Errno = "EINVAL" if kernel is HostKernel.LINUX_6_18 else "ENOENT"
    with refused(expected):
        vm.create_vcpu(0).init(init_with(PSCI, VcpuFeature.HAS_EL2))


def test_the_preferred_target_has_no_features(vm: KvmVm) -> None:
    assert vm.preferred_target() == VcpuInit(5, (0,) * 7)


def test_a_second_init_must_have_the_same_features(vm: KvmVm, machine: Machine) -> None:
    vcpu = initialized_vcpu(vm)
    machine.vcpus[0].engine.pc = 0x1234
    vcpu.init(FIRECRACKER_INIT)
    assert machine.vcpus[0].engine.pc == 0
    with refused("EINVAL", "as before"):
        vcpu.init(init_with())


def test_power_off_is_a_feature_of_old_kernels(vm: KvmVm, kernel: HostKernel) -> None:
    """Where it is none, a VMM may boot with it and restore without."""
    vcpu = vm.create_vcpu(0)
    vcpu.init(init_with(PSCI, OFF))
    assert vcpu.get_mp_state() is MpState.STOPPED
    if Host(kernel).has(Change.POWER_OFF_IS_NO_FEATURE):
        vcpu.init(FIRECRACKER_INIT)
        assert vcpu.get_mp_state() is MpState.RUNNABLE
    else:
        with refused("EINVAL", "as before"):
            vcpu.init(FIRECRACKER_INIT)


def test_keys_are_listed_with_pointer_authentication(vm: KvmVm, kernel: HostKernel) -> None:
    """Between TCR_EL1 and AFSR0_EL1, where their encodings are. Without it they are lost."""
    vcpu = vm.create_vcpu(0)
    vcpu.init(init_with(PSCI, *KEYS))
    ids = vcpu.get_reg_list()
    assert tuple(ids) == register_list(kernel, pointer_authentication=True)
    assert len(ids) == len(register_list(kernel)) + 10
    first = ids.index(BY_NAME["APIAKeyLo_EL1"].id)
    assert ids[first - 1] == BY_NAME["TCR_EL1"].id
    assert ids[first + 9 : first + 11] == [BY_NAME["APGAKeyHi_EL1"].id, BY_NAME["AFSR0_EL1"].id]
    vcpu.set_one_reg(ids[first], 0xDEAD)
    assert vcpu.get_one_reg(ids[first]) == 0xDEAD


def test_finalize_is_for_sve(vm: KvmVm) -> None:
    vcpu = vm.create_vcpu(0)
    with refused("ENOEXEC"):
        vcpu.finalize(VcpuFeature.SVE)
    vcpu.init(FIRECRACKER_INIT)
    for feature in VcpuFeature:
        with refused("EINVAL", str(int(feature))):
            vcpu.finalize(feature)


# --- power -------------------------------------------------------------------------------------


def test_mp_state_is_the_power_state(vcpu: KvmVcpu, machine: Machine) -> None:
    vcpu.set_mp_state(MpState.STOPPED)
    assert machine.psci.power == [Power.OFF]
    assert vcpu.get_mp_state() is MpState.STOPPED
    vcpu.set_mp_state(MpState.RUNNABLE)
    assert machine.psci.power == [Power.ON]
    machine.psci.power[0] = Power.ON_PENDING
    assert vcpu.get_mp_state() is MpState.RUNNABLE


@pytest.mark.parametrize("state", [1, 2, 3, 6, 9, 11, 255])
def test_mp_states_of_other_architectures(standing_vcpu: KvmVcpu, state: int) -> None:
    with refused("EINVAL", "RUNNABLE"):
        standing_vcpu.set_mp_state(state)


def test_suspended_came_later(vcpu: KvmVcpu, kernel: HostKernel) -> None:
    """Where KVM has it, the machine says that it has not."""
    if kernel is HostKernel.LINUX_5_10:
        with refused("EINVAL"):
            vcpu.set_mp_state(MpState.SUSPENDED)
    else:
        with pytest.raises(IncompatibleError, match="SUSPENDED"):
            vcpu.set_mp_state(MpState.SUSPENDED)


# --- attributes --------------------------------------------------------------------------------

TIMER, STOLEN, PMU = VcpuGroup.TIMER_CTRL, VcpuGroup.PVTIME_CTRL, VcpuGroup.PMU_V3_CTRL
VTIMER, PTIMER = TimerAttribute.IRQ_VTIMER, TimerAttribute.IRQ_PTIMER


def test_the_timers_interrupts(vcpu: KvmVcpu, gic: KvmVgic) -> None:
    """Firecracker leaves them at KVM's, which every board here has."""
    assert vcpu.get_device_attr(TIMER, VTIMER) == 27
    assert vcpu.get_device_attr(TIMER, PTIMER) == 30
    vcpu.has_device_attr(TIMER, PTIMER)
    vcpu.set_device_attr(TIMER, VTIMER, 27)
    with pytest.raises(IncompatibleError, match="IRQ_VTIMER"):
        vcpu.set_device_attr(TIMER, VTIMER, 26)
    for intid in (15, 32):
        with refused("EINVAL", "PPI"):
            vcpu.set_device_attr(TIMER, VTIMER, intid)
    with refused("ENXIO"):
        vcpu.set_device_attr(TIMER, 7, 27)


def test_the_timers_interrupts_need_a_gic_and_a_vcpu_that_has_not_run(
    vcpu: KvmVcpu, vm: KvmVm, machine: Machine
) -> None:
    with refused("EINVAL", "interrupt controller"):
        vcpu.set_device_attr(TIMER, VTIMER, 27)
    vm.create_gic()
    pretend_executed(machine, 1)
    with refused("EBUSY"):
        vcpu.set_device_attr(TIMER, VTIMER, 27)


def test_there_is_no_pmu(vcpu: KvmVcpu) -> None:
    with refused("ENXIO"):
        vcpu.has_device_attr(PMU, 0)
    with refused("ENODEV", "PMU_V3"):
        vcpu.get_device_attr(PMU, 0)
    with refused("ENODEV", "PMU_V3"):
        vcpu.set_device_attr(PMU, 1, 0)


def test_stolen_time_is_told_in_ram_and_set_once(vcpu: KvmVcpu) -> None:
    vcpu.has_device_attr(STOLEN, PVTIME_IPA)
    assert vcpu.get_device_attr(STOLEN, PVTIME_IPA) == 2**64 - 1
    for address in (SQUIB.dram_base + 8, SQUIB.dram_base - 64, 1 << 40):
        with refused("EINVAL", "PVTIME"):
            vcpu.set_device_attr(STOLEN, PVTIME_IPA, address)
    vcpu.set_device_attr(STOLEN, PVTIME_IPA, SQUIB.dram_base + 64)
    assert vcpu.get_device_attr(STOLEN, PVTIME_IPA) == SQUIB.dram_base + 64
    with refused("EEXIST"):
        vcpu.set_device_attr(STOLEN, PVTIME_IPA, SQUIB.dram_base)


def test_other_attributes_there_are_not(standing_vcpu: KvmVcpu) -> None:
    for group, attribute in ((TIMER, 2), (STOLEN, 1), (9, 0)):
        with refused("ENXIO"):
            standing_vcpu.has_device_attr(group, attribute)
        with refused("ENXIO"):
            standing_vcpu.get_device_attr(group, attribute)
