"""one_reg: the list, what each kind of register takes, and the errors, on each host kernel."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.arch import one_reg
from emu.arch.kvm import NEVER_WRITTEN
from emu.arch.kvm_reg_list import HostKernel, register_list
from emu.arch.one_reg import ONE_REGS, Kind
from emu.arch.sysregs import BY_NAME as SYSREGS_BY_NAME
from emu.errors import Errno, MachineError
from emu.hypervisor.kvm import KvmVcpu, KvmVm
from emu.machine import Machine
from tests.hypervisor.kvm.surface import (
    FIRECRACKER_INIT,
    KERNELS,
    fresh_machine,
    initialized_vcpu,
    refused,
    reg,
)

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.integers(0, 2**64 - 1)


# --- the list --------------------------------------------------------------------------------


def test_the_list_is_kvms(vcpu: KvmVcpu, kernel: HostKernel) -> None:
    assert tuple(vcpu.get_reg_list()) == register_list(kernel)


def test_a_list_that_is_too_long_for_the_caller_is_e2big(standing_vcpu: KvmVcpu) -> None:
    """Firecracker asks for 500, and again with the number that it is told."""
    count = len(standing_vcpu.get_reg_list())
    assert len(standing_vcpu.get_reg_list(count)) == count
    with refused("E2BIG", str(count)):
        standing_vcpu.get_reg_list(count - 1)


def test_every_listed_register_takes_back_what_was_read(vcpu: KvmVcpu) -> None:
    """A VMM restores into the host that it saved on: nothing may be refused or changed."""
    for register in vcpu.get_reg_list():
        value = vcpu.get_one_reg(register)
        assert value < 1 << 8 * one_reg.size_bytes(register)
        vcpu.set_one_reg(register, value)
        assert vcpu.get_one_reg(register) == value, one_reg.find(register)


def test_a_register_that_is_not_listed_is_not_there(standing_vcpu: KvmVcpu) -> None:
    """Each known register that this kernel does not list, is refused by get and by set."""
    listed = set(standing_vcpu.get_reg_list())
    for known in ONE_REGS:
        if known.id not in listed:
            with refused("ENOENT", known.name):
                standing_vcpu.get_one_reg(known.id)
            with refused("ENOENT", known.name):
                standing_vcpu.set_one_reg(known.id, 0)


def test_before_init_there_are_no_registers(vm: KvmVm) -> None:
    vcpu = vm.create_vcpu(0)
    with refused("ENOEXEC"):
        vcpu.get_reg_list()
    with refused("ENOEXEC"):
        vcpu.get_one_reg(reg("PC"))
    with refused("ENOEXEC"):
        vcpu.set_one_reg(reg("PC"), 0)


UNKNOWN: list[tuple[str, int, Errno]] = [
    ("another architecture", 0x4030_0000_0010_0000, "EINVAL"),
    ("bits above 32", 0x6030_0001_0010_0000, "EINVAL"),
    ("half of X0", 0x6020_0000_0010_0000, "EINVAL"),
    ("the upper half of X0", 0x6030_0000_0010_0001, "EINVAL"),
    ("behind FPCR", 0x6020_0000_0010_00D6, "EINVAL"),
    ("behind struct kvm_regs", 0x6020_0000_0010_00D8, "ENOENT"),
    ("a register that ends behind struct kvm_regs", 0x6030_0000_0010_00D6, "ENOENT"),
    ("a core register with a spare bit", 0x6030_0000_1010_0000, "ENOENT"),
    ("a system register of 32 bits", 0x6020_0000_0013_C080, "ENOENT"),
    ("an encoding that no register has", 0x6030_0000_0013_C07F, "ENOENT"),
    ("a timer's control of 32 bits", 0x6020_0000_0013_DF19, "ENOENT"),
    ("a cache of 64 bits", 0x6030_0000_0011_0000, "ENOENT"),
    ("cache selector 14", 0x6020_0000_0011_000E, "ENOENT"),
    ("another demultiplexed register", 0x6020_0000_0011_0100, "ENOENT"),
    ("a firmware register that is not there", 0x6030_0000_0014_00FF, "ENOENT"),
    ("PSCI_VERSION of 32 bits", 0x6020_0000_0014_0000, "ENOENT"),
    ("SVE_VLS, without SVE", 0x6060_0000_0015_FFFF, "ENOENT"),
    ("Z0, without SVE", 0x6080_0000_0015_0000, "ENOENT"),
    ("FFR, without SVE", 0x6050_0000_0015_0600, "ENOENT"),
    ("SVE, and no register of it", 0x6080_0000_0015_0700, "EINVAL"),
    ("a kind that is not there", 0x6030_0000_0017_0000, "ENOENT"),
]


@pytest.mark.parametrize(("what", "register", "errno"), UNKNOWN, ids=[row[0] for row in UNKNOWN])
def test_ids_of_no_register(standing_vcpu: KvmVcpu, what: str, register: int, errno: Errno) -> None:
    with refused(errno):
        standing_vcpu.get_one_reg(register)
    with refused(errno):
        standing_vcpu.set_one_reg(register, 0)


def test_a_value_has_as_many_bits_as_the_id_says(standing_vcpu: KvmVcpu) -> None:
    with pytest.raises(MachineError, match="32 bits"):
        standing_vcpu.set_one_reg(reg("FPCR"), 1 << 32)


# --- every register that can have any value -----------------------------------------------------

_RULED = {
    *("PSTATE", "PC", "FPSR", "FPCR", "OSLSR_EL1", "MPIDR_EL1", "PSCI_VERSION"),
    *("CNTV_CTL_EL0", "CNTP_CTL_EL0", "CPACR_EL1", "VBAR_EL1"),
    *("SCTLR_EL1", "SPSR_EL1", "CSSELR_EL1", "ESR_EL1", "CONTEXTIDR_EL1", "MDSCR_EL1"),
    *("DBGBCR0_EL1", "TTBR0_EL1", "TTBR1_EL1", "PAR_EL1", "CNTKCTL_EL1"),
}
"""Registers with rules or with bits that the processor does not keep."""


def _is_free(known: one_reg.OneReg) -> bool:
    identification = known.name.startswith(("ID_", "MVFR", "S3_", "MIDR", "REVIDR", "AIDR"))
    firmware = known.kind in (Kind.FIRMWARE, Kind.FIRMWARE_FEATURES)
    cache = known.kind is Kind.DEMUX or known.name in ("CLIDR_EL1", "CTR_EL0")
    debug = known.name.startswith("DBG") and known.name in SYSREGS_BY_NAME
    return not (identification or firmware or cache or debug or known.name in _RULED)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.value)
def test_the_others_hold_whatever_is_set(kernel: HostKernel) -> None:
    """Set all of them, then read all: no two share a place, but those of the PMU that should."""
    with fresh_machine() as machine:
        vcpu = initialized_vcpu(KvmVm(machine, kernel))
        free = [k for k in map(one_reg.find, vcpu.get_reg_list()) if k is not None and _is_free(k)]
        values = {
            k: (0x9E37_79B9_7F4A_7C15 * (n + 1) << 64 | n * 0xD1B5_4A32_D192_ED03)
            & (1 << 8 * k.size_bytes) - 1
            for n, k in enumerate(free)
        }
        for known, value in values.items():
            vcpu.set_one_reg(known.id, value)
        expected = {k: v for k, v in values.items() if not k.name.startswith("CNT")}
        shared = {"PMINTENSET_EL1", "PMCNTENSET_EL0", "PMOVSSET_EL0"}
        shared |= {"PMINTENCLR_EL1", "PMCNTENCLR_EL0", "PMOVSCLR_EL0"}
        for known, value in expected.items():
            if known.name not in shared:
                assert vcpu.get_one_reg(known.id) == value, known.name


@SHARED
@given(st.integers(0, 2**128 - 1), st.sampled_from([f"V{n}" for n in range(32)]))
def test_vector_registers_have_128_bits(standing_vcpu: KvmVcpu, value: int, name: str) -> None:
    standing_vcpu.set_one_reg(reg(name), value)
    assert standing_vcpu.get_one_reg(reg(name)) == value


# --- rules -------------------------------------------------------------------------------------


def test_pstate_takes_the_modes_of_a_guest(vcpu: KvmVcpu) -> None:
    for mode in (0b00000, 0b00100, 0b00101):
        vcpu.set_one_reg(reg("PSTATE"), 0x3C0 | mode)
        assert vcpu.get_one_reg(reg("PSTATE")) == 0x3C0 | mode


def test_pstate_refuses_every_other_mode(standing_vcpu: KvmVcpu) -> None:
    """AArch32, which the host has not; EL2 and EL3; and what is no mode at all."""
    for mode in set(range(32)) - {0b00000, 0b00100, 0b00101}:
        with refused("EINVAL", "PSTATE"):
            standing_vcpu.set_one_reg(reg("PSTATE"), mode)


def test_the_stack_pointers_survive_any_order(vcpu: KvmVcpu) -> None:
    """KVM's order has SP_EL0 before PSTATE, which decides where it lives in the core."""
    vcpu.set_one_reg(reg("SP_EL0"), 0x1000)
    vcpu.set_one_reg(reg("PSTATE"), 0x3C0)
    vcpu.set_one_reg(reg("SP_EL1"), 0x2000)
    vcpu.set_one_reg(reg("PSTATE"), 0x3C5)
    assert vcpu.get_one_reg(reg("SP_EL0")) == 0x1000
    assert vcpu.get_one_reg(reg("SP_EL1")) == 0x2000


@pytest.mark.parametrize("kernel", KERNELS[1:], ids=lambda kernel: kernel.value)
def test_only_the_lock_bit_of_oslsr_can_change(vcpu: KvmVcpu) -> None:
    """KVM resets it unlocked."""
    assert vcpu.get_one_reg(reg("OSLSR_EL1")) == 0x8
    vcpu.set_one_reg(reg("OSLSR_EL1"), 0xA)
    assert vcpu.get_one_reg(reg("OSLSR_EL1")) == 0xA
    for value in (0x0, 0x9, 0xC, 0x108):
        with refused("EINVAL", "OSLSR_EL1"):
            vcpu.set_one_reg(reg("OSLSR_EL1"), value)


@pytest.mark.parametrize("kernel", [HostKernel.LINUX_5_10], ids=["5.10"])
def test_registers_that_clear_show_what_those_that_set_show(vcpu: KvmVcpu) -> None:
    """Restored in any order, the second one changes nothing: both are one word of KVM's."""
    vcpu.set_one_reg(reg("PMCNTENSET_EL0"), 0x8000_0001)
    assert vcpu.get_one_reg(reg("PMCNTENCLR_EL0")) == 0x8000_0001
    vcpu.set_one_reg(reg("PMCNTENCLR_EL0"), 0x8000_0001)
    assert vcpu.get_one_reg(reg("PMCNTENSET_EL0")) == 0x8000_0001


def test_reserved_bits_are_kept_until_the_guest_writes(vcpu: KvmVcpu, machine: Machine) -> None:
    """KVM stores whole words, as those of a file that say that nothing was ever written."""
    vcpu.set_one_reg(reg("DISR_EL1"), NEVER_WRITTEN)
    assert vcpu.get_one_reg(reg("DISR_EL1")) == NEVER_WRITTEN
    machine.vcpus[0].set_sysreg(SYSREGS_BY_NAME["DISR_EL1"], 1)
    assert vcpu.get_one_reg(reg("DISR_EL1")) == 1


def test_init_resets_what_kvm_keeps(vcpu: KvmVcpu) -> None:
    """Also of a vCPU that was initialised before: one register of each place that they are in."""
    names = ("X7", "V7", "DBGBVR15_EL1", "DBGBVR0_EL1", "FPEXC32_EL2", "SPSR_abt")
    fresh = {name: vcpu.get_one_reg(reg(name)) for name in names}
    for name in names:
        vcpu.set_one_reg(reg(name), 0x5000)
    vcpu.init(FIRECRACKER_INIT)
    assert {name: vcpu.get_one_reg(reg(name)) for name in names} == fresh
    assert fresh["FPEXC32_EL2"] == 0x700
