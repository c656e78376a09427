"""What the tests of the KVM-shaped surface share: fresh VMs, and errors by number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from emu.arch.kvm import VcpuFeature
from emu.arch.kvm_devices import VgicAddress, VgicControl, VgicGroup
from emu.arch.kvm_reg_list import HostKernel
from emu.arch.one_reg import BY_NAME
from emu.boards.squib import SQUIB
from emu.core.ram import Ram
from emu.errors import Errno, KvmError
from emu.hypervisor.kvm import KvmVcpu, KvmVgic, KvmVm, VcpuInit
from emu.machine import Machine
from harness.entropy import SeededEntropy

KERNELS = tuple(HostKernel)
OLD_KERNELS = (HostKernel.LINUX_5_10, HostKernel.LINUX_6_1)
FIRECRACKER_INIT = VcpuInit()
"""GENERIC_V8 with PSCI_0_2: what Firecracker gives each vCPU of a snapshot."""

RAM_SIZE_BYTES = 6 << 20


def reg(name: str) -> int:
    """The one_reg id of a register."""
    return BY_NAME[name].id


@contextmanager
def refused(errno: Errno, names: str = "") -> Iterator[None]:
    """Expect a `KvmError` with this number, whose message has `names` in it."""
    with pytest.raises(KvmError) as caught:
        yield
    assert caught.value.errno == errno, str(caught.value)
    assert names in str(caught.value)


def fresh_machine() -> Machine:
    """A machine of the squib board, at reset."""
    ram = Ram(SQUIB.dram_base, RAM_SIZE_BYTES)
    return Machine(SQUIB, ram=ram, entropy=SeededEntropy(b"trng"))


def init_with(*features: VcpuFeature) -> VcpuInit:
    """A `VcpuInit` of just these features."""
    return VcpuInit(features=(sum(1 << feature for feature in features), *[0] * 6))


def initialized_vcpu(vm: KvmVm) -> KvmVcpu:
    """VCPU 0, created and initialised as Firecracker does."""
    vcpu = vm.create_vcpu(0)
    vcpu.init(FIRECRACKER_INIT)
    return vcpu


def initialized_gic(vm: KvmVm) -> KvmVgic:
    """The vGIC, with the calls that Firecracker makes, where the squib board has it."""
    gic = vm.create_gic()
    gic.set_device_attr(VgicGroup.ADDR, VgicAddress.DIST, SQUIB.gicd.base)
    gic.set_device_attr(VgicGroup.ADDR, VgicAddress.REDIST, SQUIB.gicr.window(1).base)
    gic.set_device_attr(VgicGroup.NR_IRQS, 0, 128)
    gic.set_device_attr(VgicGroup.CTRL, VgicControl.INIT)
    return gic


def pretend_executed(machine: Machine, instructions: int) -> None:
    """Let the machine say that its guest has executed so many instructions."""
    machine._scheduler.instructions = instructions
