"""ID registers and caches: what a guest was told of its processor must stay true."""

from __future__ import annotations

import pytest

from emu.arch import one_reg
from emu.arch.kvm_reg_list import HostKernel
from emu.errors import IncompatibleError, KvmError
from emu.hypervisor.kvm import KvmVcpu
from emu.machine import Machine
from harness.states import realistic_state
from tests.hypervisor.kvm.surface import OLD_KERNELS, pretend_executed, refused, reg


@pytest.mark.parametrize("name", ["MIDR_EL1", "REVIDR_EL1", "AIDR_EL1"])
def test_the_implementation_is_the_hosts(standing_vcpu: KvmVcpu, name: str) -> None:
    """On every kernel: later ones need a capability that Firecracker does not ask for."""
    with refused("EINVAL", name):
        standing_vcpu.set_one_reg(reg(name), standing_vcpu.get_one_reg(reg(name)) ^ 1)


@pytest.mark.parametrize("name", ["ID_AA64ISAR0_EL1", "ID_AA64PFR0_EL1", "CTR_EL0"])
@pytest.mark.parametrize("kernel", OLD_KERNELS, ids=lambda kernel: kernel.value)
def test_identification_is_fixed_on_old_kernels(vcpu: KvmVcpu, name: str) -> None:
    present = vcpu.get_one_reg(reg(name))
    for value in (present ^ 1 << 4, present & (present - 1), 0):
        with refused("EINVAL", name):
            vcpu.set_one_reg(reg(name), value)


LOWERING: list[tuple[str, int, bool]] = [
    ("ID_AA64ISAR0_EL1", 0x0021_1111_1021_2110, True),  # AES 2 to 1
    ("ID_AA64ISAR0_EL1", 0x0021_1111_1021_2130, False),  # AES 2 to 3
    ("ID_AA64ISAR0_EL1", 0x0021_1111_1021_2121, False),  # a reserved bit
    ("ID_AA64ISAR1_EL1", 0x0000_0111_0121_1002, False),  # APA is not a VMM's to lower
    ("ID_AA64DFR0_EL1", 0x1020_5106, True),  # WRPs
    ("ID_AA64DFR0_EL1", 0x1030_5105, False),  # DebugVer below Armv8's
    ("ID_AA64DFR0_EL1", 0x1030_4106, False),  # BRPs
    ("ID_AA64MMFR0_EL1", 0xF000_0124, True),  # TGran4: -1, not there
    ("ID_AA64MMFR0_EL1", 0x1000_0124, False),  # TGran4 raised
    ("ID_AA64MMFR0_EL1", 0x0000_0104, False),  # ASIDBits is fixed
    ("CTR_EL0", 0x8444_8004, True),  # L1Ip: PIPT to VIPT
    ("CTR_EL0", 0x8444_4004, False),  # L1Ip: reserved
]


@pytest.mark.parametrize("kernel", [HostKernel.LINUX_6_18], ids=["6.18"])
def test_identification_can_be_lowered_on_new_kernels(vcpu: KvmVcpu) -> None:
    """Field by field, never above the host's, and up to that again."""
    for name, value, taken in LOWERING:
        host = vcpu.get_one_reg(reg(name))
        if taken:
            vcpu.set_one_reg(reg(name), value)
            assert vcpu.get_one_reg(reg(name)) == value
            vcpu.set_one_reg(reg(name), host)
        else:
            with refused("EINVAL", name):
                vcpu.set_one_reg(reg(name), value)
        assert vcpu.get_one_reg(reg(name)) == host


def test_aarch32_identification_reads_as_zero(vcpu: KvmVcpu, kernel: HostKernel) -> None:
    """Without AArch32, newer kernels ignore what is set, which may come from a host that has it."""
    for name in ("ID_PFR0_EL1", "MVFR2_EL1", "ID_MMFR5_EL1"):
        if kernel is HostKernel.LINUX_5_10:
            with refused("EINVAL", name):
                vcpu.set_one_reg(reg(name), 0x131)
        else:
            vcpu.set_one_reg(reg(name), 0x131)
        assert vcpu.get_one_reg(reg(name)) == 0


def test_mpidr_of_another_vcpu_is_more_than_this_machine_can(vcpu: KvmVcpu) -> None:
    """KVM takes any value."""
    with pytest.raises(IncompatibleError, match="MPIDR_EL1"):
        vcpu.set_one_reg(reg("MPIDR_EL1"), 0x8000_0001)


def test_caches_are_the_hosts_or_the_vcpus_own(vcpu: KvmVcpu, kernel: HostKernel) -> None:
    for name, value in (("CCSIDR[0]", 0x7003), ("CLIDR_EL1", 0x0920_0001)):
        if kernel in OLD_KERNELS:
            with refused("EINVAL", name):
                vcpu.set_one_reg(reg(name), value)
        else:
            vcpu.set_one_reg(reg(name), value)
            assert vcpu.get_one_reg(reg(name)) == value


@pytest.mark.parametrize("kernel", [HostKernel.LINUX_6_18], ids=["6.18"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("CCSIDR[1]", 0x1), ("CLIDR_EL1", 1 << 47 | 0x0920_0001), ("CLIDR_EL1", 0x1)],
    ids=["shorter lines than CTR_EL0 says", "a reserved bit", "no levels to clean"],
)
def test_caches_must_go_with_ctr(vcpu: KvmVcpu, name: str, value: int) -> None:
    with refused("EINVAL", name):
        vcpu.set_one_reg(reg(name), value)


@pytest.mark.parametrize("kernel", [HostKernel.LINUX_6_18], ids=["6.18"])
def test_identification_is_fixed_once_the_vm_has_run(vcpu: KvmVcpu, machine: Machine) -> None:
    pretend_executed(machine, 1)
    name = "ID_AA64ISAR0_EL1"
    vcpu.set_one_reg(reg(name), vcpu.get_one_reg(reg(name)))
    with refused("EBUSY", name):
        vcpu.set_one_reg(reg(name), 0)


IDENTIFICATION = ("MIDR", "REVIDR", "ID_", "MVFR", "CTR_", "CLIDR", "CCSIDR")
THE_HOSTS = ("SMCCC_ARCH_WORKAROUND_", "CNTP_CTL_EL0")
"""What does not keep what is set: levels of the host, and ISTATUS, which is computed."""


def test_a_state_of_another_processor_is_refused_for_its_processor_alone(
    vcpu: KvmVcpu, kernel: HostKernel
) -> None:
    """A Linux on a Neoverse N1: all that is not about the processor is taken, and kept."""
    state = realistic_state("firecracker-1.16", host_kernel=kernel.value, vcpus=1)
    values = {
        known: value
        for register, value in state.data.vcpu_states[0].regs.registers()
        if (known := one_reg.find(register)) is not None
    }
    not_taken = {known.name for known, value in values.items() if not takes(vcpu, known.id, value)}
    assert {"MIDR_EL1", "CTR_EL0", "ID_AA64PFR0_EL1"} <= not_taken
    assert not [name for name in not_taken if not name.startswith(IDENTIFICATION)]
    for known, value in values.items():
        if not known.name.startswith((*IDENTIFICATION, *THE_HOSTS)):
            assert vcpu.get_one_reg(known.id) == value, known.name


def takes(vcpu: KvmVcpu, register: int, value: int) -> bool:
    """Set a register; whether it was not refused."""
    try:
        vcpu.set_one_reg(register, value)
    except (KvmError, IncompatibleError):
        return False
    return True
