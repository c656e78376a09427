"""The timers as one_reg: counts instead of offsets, swapped ids, ISTATUS."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.arch.kvm_reg_list import HostKernel
from emu.hypervisor.kvm import KvmVcpu, KvmVm
from emu.machine import Machine
from tests.hypervisor.kvm.surface import OLD_KERNELS, initialized_vcpu, reg

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.integers(0, 2**64 - 1)


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
    assert vcpu.get_one_reg(ctl) == (0b110 if kernel in OLD_KERNELS else 0b010)
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
