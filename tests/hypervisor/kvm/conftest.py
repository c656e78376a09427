"""Machines for the KVM-shaped surface."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.arch.kvm_reg_list import HostKernel
from emu.hypervisor.kvm import KvmVcpu, KvmVgic, KvmVm
from emu.machine import Machine
from tests.hypervisor.kvm.surface import KERNELS, fresh_machine, initialized_gic, initialized_vcpu


@pytest.fixture(params=KERNELS, ids=lambda kernel: kernel.value)
def kernel(request: pytest.FixtureRequest) -> HostKernel:
    kernel: HostKernel = request.param
    return kernel


@pytest.fixture
def machine() -> Iterator[Machine]:
    with fresh_machine() as machine:
        yield machine


@pytest.fixture
def vm(machine: Machine, kernel: HostKernel) -> KvmVm:
    """An empty VM, on each host kernel."""
    return KvmVm(machine, kernel)


@pytest.fixture(scope="session", params=KERNELS, ids=lambda kernel: kernel.value)
def standing_vm(request: pytest.FixtureRequest) -> Iterator[KvmVm]:
    """A VM that is set up, for tests of what is refused: these change nothing."""
    with fresh_machine() as machine:
        vm = KvmVm(machine, request.param)
        initialized_vcpu(vm)
        initialized_gic(vm)
        yield vm


@pytest.fixture
def standing_vcpu(standing_vm: KvmVm) -> KvmVcpu:
    return standing_vm.vcpus[0]


@pytest.fixture
def standing_gic(standing_vm: KvmVm) -> KvmVgic:
    assert standing_vm.gic is not None
    return standing_vm.gic


@pytest.fixture
def vcpu(vm: KvmVm) -> KvmVcpu:
    return initialized_vcpu(vm)


@pytest.fixture
def gic(vm: KvmVm, vcpu: KvmVcpu) -> KvmVgic:
    return initialized_gic(vm)
