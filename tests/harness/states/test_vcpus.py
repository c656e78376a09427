"""The registers of realistic states."""

from __future__ import annotations

from typing import Any

import pytest

from emu.arch.kvm import NEVER_WRITTEN
from emu.arch.kvm_reg_list import HostKernel, register_list
from emu.arch.layouts import PState
from emu.arch.one_reg import BY_NAME
from harness.states import realistic_state
from harness.states.machine import CPUS, HOST_KERNELS, Cpu
from harness.states.vcpus import mpidr

KERNEL_IMAGE = range(0xFFFF_8000_0800_0000, 0xFFFF_8002_0C00_0000)
EL1H = 0b0101


def vcpus_of(**arguments: Any) -> list[Any]:
    return list(realistic_state("firecracker-1.16", **arguments).data.vcpu_states)


def registers(vcpu: Any) -> dict[str, int]:
    values = dict(vcpu.regs.registers())
    return {name: values[reg.id] for name, reg in BY_NAME.items() if reg.id in values}


@pytest.mark.parametrize("kernel", HOST_KERNELS)
def test_they_are_those_that_the_kernel_lists_in_its_order(kernel: Any) -> None:
    for vcpu in vcpus_of(host_kernel=kernel):
        assert vcpu.regs.ids == list(register_list(HostKernel(kernel)))
        assert vcpu.regs.refusal() is None


def test_affinities_are_those_that_kvm_gives() -> None:
    """Sixteen vCPUs to a cluster."""
    vcpus = vcpus_of(vcpus=32)
    assert [mpidr(0), mpidr(15), mpidr(16)] == [0x8000_0000, 0x8000_000F, 0x8000_0100]
    for index, vcpu in enumerate(vcpus):
        assert vcpu.mpidr == registers(vcpu)["MPIDR_EL1"] == mpidr(index)


def test_the_kernel_runs_with_its_stack() -> None:
    for vcpu in vcpus_of(vcpus=8):
        values = registers(vcpu)
        assert values["PC"] in KERNEL_IMAGE
        assert values["VBAR_EL1"] in KERNEL_IMAGE
        assert values["PC"] % 4 == values["VBAR_EL1"] % 0x800 == values["SP_EL1"] % 16 == 0
        assert PState(values["PSTATE"]).M == EL1H
        assert values["SCTLR_EL1"] & 1


def test_all_vcpus_have_one_kernel() -> None:
    vcpus = [registers(vcpu) for vcpu in vcpus_of(vcpus=4)]
    for name in ("VBAR_EL1", "TCR_EL1", "MAIR_EL1", "SCTLR_EL1"):
        assert len({values[name] for values in vcpus}) == 1
    assert len({values["SP_EL1"] for values in vcpus}) == 4


def test_the_timers_ids_are_swapped_as_in_kvm() -> None:
    """The compare value, under the id that is encoded as CNTVCT_EL0, is ahead of the count."""
    values = dict(vcpus_of(vcpus=1)[0].regs.registers())
    count, compare = values[0x6030_0000_0013_DF1A], values[0x6030_0000_0013_DF02]
    assert count < compare < count + 10**7


@pytest.mark.parametrize(("cpu", "part"), [*zip(CPUS, (0xD0C, 0xD40, 0xD4F), strict=True)])
def test_identification_is_that_of_the_processor(cpu: Cpu, part: int) -> None:
    values = registers(vcpus_of(cpu=cpu)[0])
    assert values["MIDR_EL1"] >> 4 & 0xFFF == part
    assert values["PSCI_VERSION"] >> 16 == 1


def test_what_no_guest_writes_shows_kvms_pattern() -> None:
    values = registers(vcpus_of(vcpus=1)[0])
    assert values["AFSR0_EL1"] == values["DISR_EL1"] == NEVER_WRITTEN


def test_power_and_features() -> None:
    """Runnable, generic v8, PSCI 0.2."""
    for vcpu in vcpus_of():
        assert vcpu.mp_state == bytes(4)
        assert vcpu.kvi == bytes([5, 0, 0, 0, 4, *[0] * 27])
