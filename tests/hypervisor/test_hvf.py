"""The Apple-shaped surface: each register has its call, and the calls have their order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.arch.sysregs import BY_NAME, Model
from emu.boards.squib import SQUIB
from emu.core.ram import Ram
from emu.errors import IncompatibleError, MachineError
from emu.gic.state import RedistributorState
from emu.hypervisor import HvfGicState, HvfVcpu, HvfVm
from emu.machine import Machine, Power

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.integers(0, 2**64 - 1)
TIMER_PPI = 27
CONSOLE_INTID = 33


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(SQUIB, ram=Ram(SQUIB.dram_base, 6 << 20)) as machine:
        yield machine


@pytest.fixture
def vm(machine: Machine) -> HvfVm:
    return HvfVm.attach(machine)


@pytest.fixture
def vcpu(vm: HvfVm) -> HvfVcpu:
    (vcpu,) = vm.vcpus
    return vcpu


@SHARED
@given(st.lists(WORDS, min_size=32, max_size=32), WORDS)
def test_general_registers_are_what_was_set(vcpu: HvfVcpu, x: list[int], sp: int) -> None:
    """Also X30 and SP_EL1, which lie next to each other in the core."""
    names = [*(f"X{i}" for i in range(31)), "PC"]
    for name, value in zip(names, x, strict=True):
        vcpu.set_reg(name, value)
    vcpu.set_sys_reg(BY_NAME["SP_EL1"], sp)
    assert [vcpu.get_reg(name) for name in names] == x
    assert vcpu.get_sys_reg(BY_NAME["SP_EL1"]) == sp


@SHARED
@given(st.lists(st.integers(0, 2**128 - 1), min_size=32, max_size=32))
def test_vector_registers_have_128_bits(vcpu: HvfVcpu, v: list[int]) -> None:
    """The upper halves count."""
    vcpu.set_simd_fp_regs(v)
    assert vcpu.get_simd_fp_regs() == v


@pytest.mark.parametrize("mode", [0b0000, 0b0100, 0b0101])
@pytest.mark.parametrize("flags", [0, 0xF000_03C0])
def test_stack_pointers_stay_when_the_mode_changes(vcpu: HvfVcpu, mode: int, flags: int) -> None:
    """Where SP_EL0 and SP_EL1 live depends on the mode: what they hold must not."""
    vcpu.set_sys_reg(BY_NAME["SP_EL0"], 0x1000)
    vcpu.set_sys_reg(BY_NAME["SP_EL1"], 0x2000)
    vcpu.set_reg("CPSR", mode | flags)
    assert vcpu.get_reg("CPSR") == mode | flags
    assert vcpu.get_sys_reg(BY_NAME["SP_EL0"]) == 0x1000
    assert vcpu.get_sys_reg(BY_NAME["SP_EL1"]) == 0x2000


@pytest.mark.parametrize("mode", sorted(set(range(32)) - {0b0000, 0b0100, 0b0101}))
def test_modes_that_the_guest_has_not_are_refused(vcpu: HvfVcpu, mode: int) -> None:
    """EL2, EL3, AArch32 and reserved ones: the core would take them, and leave the machine."""
    before = vcpu.get_reg("CPSR")
    with pytest.raises(IncompatibleError, match=r"EL0t .*EL1t .*EL1h"):
        vcpu.set_reg("CPSR", mode)
    assert vcpu.get_reg("CPSR") == before


@pytest.mark.parametrize("name", ["X31", "X", "X-1", "X1.0", "SP", "x0", "", "CNTVOFF_EL2"])
def test_there_are_no_other_general_registers(vcpu: HvfVcpu, name: str) -> None:
    with pytest.raises(MachineError, match="X0 to X30, PC, CPSR, FPCR or FPSR"):
        vcpu.get_reg(name)
    with pytest.raises(MachineError):
        vcpu.set_reg(name, 0)


@pytest.mark.parametrize("name", BY_NAME)
def test_each_system_register_is_reached_by_one_call(vcpu: HvfVcpu, name: str) -> None:
    """The framework's three sorts: hv_sys_reg_t, hv_gic_icc_reg_t, and those with own calls."""
    reg = BY_NAME[name]
    calls = {"sys": vcpu.get_sys_reg, "icc": vcpu.get_icc_reg}
    expected = "icc" if reg.model is Model.GIC and reg.saved else "sys"
    if reg.name in ("CNTVOFF_EL2", "FPCR", "FPSR") or "R" not in reg.access:
        expected = ""
    if reg.model is Model.GIC and not reg.saved:
        expected = ""
    for sort, call in calls.items():
        if sort == expected:
            assert isinstance(call(reg), int)
        else:
            with pytest.raises(MachineError, match=name):
                call(reg)


def test_an_id_register_does_not_take_what_no_processor_here_has(vcpu: HvfVcpu) -> None:
    reg = BY_NAME["ID_AA64ISAR0_EL1"]
    value = vcpu.get_sys_reg(reg)
    vcpu.set_sys_reg(reg, value)
    with pytest.raises(IncompatibleError, match="ID_AA64ISAR0_EL1"):
        vcpu.set_sys_reg(reg, value ^ 1)


@SHARED
@given(WORDS)
def test_the_vtimer_offset_is_taken_off_the_hosts_counter(
    machine: Machine, vcpu: HvfVcpu, offset: int
) -> None:
    vcpu.set_vtimer_offset(offset)
    assert vcpu.get_vtimer_offset() == offset
    expected = (machine.clock.count() - offset) % 2**64
    assert vcpu.get_sys_reg(BY_NAME["CNTVCT_EL0"]) == expected


def test_the_monitor_keeps_the_power_state(machine: Machine, vcpu: HvfVcpu) -> None:
    vcpu.power = Power.OFF
    assert machine.psci.power == [Power.OFF]
    assert vcpu.power is Power.OFF


# --- the GIC -------------------------------------------------------------------------------


def enabled_ppis(vm: HvfVm) -> int:
    """ISENABLER of vCPU 0's SGIs and PPIs."""
    return vm.get_gic_state().redistributors[0].interrupts.enabled


def state_with_a_timer(vm: HvfVm) -> HvfGicState:
    """A state in which the timer's PPI is enabled, and INTID 33 too."""
    state = vm.get_gic_state()
    state.redistributors[0].interrupts.enabled |= 1 << TIMER_PPI
    state.distributor.spis.enabled |= 1 << (CONSOLE_INTID - 32)
    return state


def test_the_gics_state_is_set_as_a_whole(vm: HvfVm) -> None:
    state = state_with_a_timer(vm)
    vm.set_gic_state(state)
    assert vm.get_gic_state() == state


def test_redistributors_of_vcpus_to_come_are_dropped(machine: Machine, vm: HvfVm) -> None:
    """Set before the vCPU exists, the state of its redistributor is lost without a word."""
    state = state_with_a_timer(vm)
    early = HvfVm(machine)
    early.create_gic()
    early.set_gic_state(state)
    early.create_vcpu(0)
    assert enabled_ppis(early) == 0
    assert early.get_gic_state().distributor == state.distributor
    early.set_gic_state(state)
    assert enabled_ppis(early) == 1 << TIMER_PPI


def test_the_gic_is_created_before_any_vcpu(machine: Machine) -> None:
    vm = HvfVm(machine)
    with pytest.raises(MachineError, match="there is no GIC"):
        vm.set_gic_state(HvfVm.attach(machine).get_gic_state())
    vm.create_vcpu(0)
    with pytest.raises(MachineError, match="the GIC must be created first"):
        vm.create_gic()


@pytest.mark.parametrize("count", [0, 2])
def test_a_state_of_another_number_of_vcpus_changes_nothing(vm: HvfVm, count: int) -> None:
    before = vm.get_gic_state()
    state = state_with_a_timer(vm)
    state.redistributors = [RedistributorState()] * count
    with pytest.raises(IncompatibleError, match=f"has {count} redistributors; expected 1"):
        vm.set_gic_state(state)
    assert vm.get_gic_state() == before


def test_a_high_line_of_the_timer_is_no_new_edge(machine: Machine, vm: HvfVm) -> None:
    """NOINVENT: the guest has the PPI as edge-triggered and has taken the edge already."""
    (vcpu,) = vm.vcpus
    state = vm.get_gic_state()
    state.redistributors[0].interrupts.edge |= 1 << TIMER_PPI
    vcpu.set_sys_reg(BY_NAME["CNTV_CTL_EL0"], 1)
    vm.set_gic_state(state)
    machine.drive_timer_lines()
    assert machine.gic.interrupts(0).line >> TIMER_PPI & 1
    assert machine.gic.interrupts(0).pending == 0


def test_an_spi_is_driven_by_its_level(machine: Machine, vm: HvfVm) -> None:
    state = vm.get_gic_state()
    state.distributor.spis.edge = 0
    vm.set_gic_state(state)
    for level in (True, False):
        vm.set_spi(CONSOLE_INTID, level)
        assert bool(machine.gic.interrupts(None).pending >> (CONSOLE_INTID - 32) & 1) is level
