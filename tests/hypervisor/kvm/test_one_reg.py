"""one_reg: the list, what each kind of register takes, and the errors, on each host kernel."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.arch import one_reg
from emu.arch.kvm_reg_list import HostKernel, register_list
from emu.arch.one_reg import BY_NAME, ONE_REGS, Kind
from emu.arch.psci import VERSION_0_2, Function
from emu.arch.sysregs import BY_NAME as SYSREGS_BY_NAME
from emu.errors import Errno, IncompatibleError, MachineError
from emu.hypervisor.kvm import KvmVcpu, KvmVm
from emu.machine import Machine
from tests.hypervisor.kvm.surface import (
    FIRECRACKER_INIT,
    KERNELS,
    fresh_machine,
    initialized_vcpu,
    pretend_executed,
    refused,
)

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.integers(0, 2**64 - 1)
OLD = (HostKernel.LINUX_5_10, HostKernel.LINUX_6_1)


def reg(name: str) -> int:
    return BY_NAME[name].id


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


@pytest.mark.parametrize("name", ["MIDR_EL1", "REVIDR_EL1", "AIDR_EL1"])
def test_the_implementation_is_the_hosts(standing_vcpu: KvmVcpu, name: str) -> None:
    """On every kernel: later ones need a capability that Firecracker does not ask for."""
    with refused("EINVAL", name):
        standing_vcpu.set_one_reg(reg(name), standing_vcpu.get_one_reg(reg(name)) ^ 1)


@pytest.mark.parametrize("name", ["ID_AA64ISAR0_EL1", "ID_AA64PFR0_EL1", "CTR_EL0"])
@pytest.mark.parametrize("kernel", OLD, ids=lambda kernel: kernel.value)
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
    """What KVM takes, the machine refuses in its own name: it was made for its features."""
    for name, value, taken in LOWERING:
        expected = (
            pytest.raises(IncompatibleError, match=name) if taken else refused("EINVAL", name)
        )
        with expected:
            vcpu.set_one_reg(reg(name), value)


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
        if kernel in OLD:
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


# --- timers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", ["CNTVCT_EL0", "CNTPCT_EL0"])
@SHARED
@given(value=WORDS, host_ticks=st.integers(0, 2**40))
def test_a_count_that_is_set_goes_on_from_there(
    vcpu: KvmVcpu, machine: Machine, count: str, value: int, host_ticks: int
) -> None:
    machine.clock.advance(host_ticks * machine.clock.cycles_per_tick)
    vcpu.set_one_reg(reg(count), value)
    assert vcpu.get_one_reg(reg(count)) == value
    machine.clock.advance(3 * machine.clock.cycles_per_tick)
    assert vcpu.get_one_reg(reg(count)) == (value + 3) % 2**64


def test_the_two_counts_are_independent(vcpu: KvmVcpu) -> None:
    vcpu.set_one_reg(reg("CNTVCT_EL0"), 1_000)
    vcpu.set_one_reg(reg("CNTPCT_EL0"), 50)
    assert vcpu.get_one_reg(reg("CNTVCT_EL0")) == 1_000
    assert vcpu.get_one_reg(reg("CNTPCT_EL0")) == 50


def test_the_swapped_ids(vcpu: KvmVcpu, machine: Machine) -> None:
    """0x...df1a, the encoding of CNTV_CVAL_EL0, is the count; 0x...df02 is the compare value."""
    vcpu.set_one_reg(0x6030_0000_0013_DF1A, 77)
    vcpu.set_one_reg(0x6030_0000_0013_DF02, 99)
    timer = machine.vcpus[0].timer
    assert timer.virtual_count() == 77
    assert timer.read("CNTV_CVAL_EL0") == 99


@pytest.mark.parametrize(("timer", "count"), [("CNTV", "CNTVCT"), ("CNTP", "CNTPCT")])
def test_istatus_without_enable(vcpu: KvmVcpu, kernel: HostKernel, timer: str, count: str) -> None:
    """Older kernels compute it from the count alone; a set of it is ignored by all."""
    ctl, cval = reg(f"{timer}_CTL_EL0"), reg(f"{timer}_CVAL_EL0")
    vcpu.set_one_reg(reg(f"{count}_EL0"), 1_000)
    vcpu.set_one_reg(cval, 500)
    vcpu.set_one_reg(ctl, 0b010)
    assert vcpu.get_one_reg(ctl) == (0b110 if kernel in OLD else 0b010)
    vcpu.set_one_reg(ctl, 0b111)
    assert vcpu.get_one_reg(ctl) == 0b111
    vcpu.set_one_reg(cval, 1_500)
    assert vcpu.get_one_reg(ctl) == 0b011


def test_a_new_vcpu_starts_to_count_at_zero(machine: Machine, vm: KvmVm) -> None:
    """And its physical count is the host's, until it is set."""
    machine.clock.advance(400)
    vcpu = initialized_vcpu(vm)
    assert vcpu.get_one_reg(reg("CNTVCT_EL0")) == 0
    assert vcpu.get_one_reg(reg("CNTPCT_EL0")) == machine.clock.count()


# --- firmware ----------------------------------------------------------------------------------

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


@pytest.mark.parametrize("kernel", [HostKernel.LINUX_6_18], ids=["6.18"])
def test_identification_is_fixed_once_the_vm_has_run(vcpu: KvmVcpu, machine: Machine) -> None:
    pretend_executed(machine, 1)
    name = "ID_AA64ISAR0_EL1"
    vcpu.set_one_reg(reg(name), vcpu.get_one_reg(reg(name)))
    with refused("EBUSY", name):
        vcpu.set_one_reg(reg(name), 0)


def test_init_resets_what_kvm_keeps(vcpu: KvmVcpu) -> None:
    """Also of a vCPU that was initialised before: DACR32_EL2 stands for them."""
    fresh = vcpu.get_one_reg(reg("DACR32_EL2"))
    vcpu.set_one_reg(reg("DACR32_EL2"), 5)
    vcpu.set_one_reg(reg("X7"), 7)
    vcpu.init(FIRECRACKER_INIT)
    assert vcpu.get_one_reg(reg("DACR32_EL2")) == fresh
    assert vcpu.get_one_reg(reg("X7")) == 0
