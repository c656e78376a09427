"""A VM of KVM, over a `Machine`: vCPUs, the interrupt controller, interrupts.

A VMM starts with an empty VM, creates vCPUs and then the vGIC, and fills both with state. The
machine beneath has its vCPUs and its GIC all the time, at reset; what KVM refuses before they are
created is refused here.

Sources: kvm_arch_vcpu_precreate and kvm_arch_vm_ioctl in arch/arm64/kvm/arm.c, kvm_vm_ioctl in
virt/kvm/kvm_main.c, kvm_vgic_create in vgic/vgic-init.c, kvm_timer_vcpu_init in arch_timer.c, Linux
6.1.
"""

from __future__ import annotations

from emu.arch.kvm import VcpuFeature
from emu.arch.kvm_reg_list import HostKernel
from emu.errors import Errno, IncompatibleError, KvmError
from emu.hypervisor.kvm import capabilities, interrupts
from emu.hypervisor.kvm.host import Host
from emu.hypervisor.kvm.interrupts import Irqfd
from emu.hypervisor.kvm.timer_registers import set_offset
from emu.hypervisor.kvm.vcpu import KvmVcpu, VcpuInit, supported_features
from emu.hypervisor.kvm.vgic import KvmVgic
from emu.hypervisor.kvm.vgic_its import KvmIts
from emu.hypervisor.kvm.vm_state import VmState
from emu.machine import Machine


class KvmVm:
    """A virtual machine of KVM.

    One made with `attach` finds the vCPUs and the GIC of a running machine; otherwise they come
    into being by `create_vcpu` and `create_gic`.

    Args:
        machine: what is beneath. Its guest's firmware calls are answered as KVM does.
        kernel: of the host.
        running: what the vCPUs were initialised with, if the machine is set up already: then
            nothing is changed that the guest can see.

    Raises:
        BoardError: the machine was made without the entropy that KVM's TRNG needs.
    """

    def __init__(
        self,
        machine: Machine,
        kernel: HostKernel = HostKernel.LINUX_6_1,
        *,
        running: VcpuInit | None = None,
    ) -> None:
        self._state = VmState(machine, Host(kernel))
        self._vcpus: dict[int, KvmVcpu] = {}
        self._gic: KvmVgic | None = None
        self._its: KvmIts | None = None
        if running is None:
            self._state.set_firmware(**self._state.host.firmware_registers)
            return
        self._state.adopt_firmware()
        for index in range(len(machine.vcpus)):
            self._add_vcpu(index).adopt(running)
        self._add_gic().adopt()
        if machine.gic.its is not None:
            self.create_its().adopt()

    @classmethod
    def attach(
        cls,
        machine: Machine,
        kernel: HostKernel = HostKernel.LINUX_6_1,
        init: VcpuInit | None = None,
    ) -> KvmVm:
        """The surface of a machine that is set up already, its vCPUs initialised with `init`."""
        return cls(machine, kernel, running=init or VcpuInit())

    @property
    def vcpus(self) -> list[KvmVcpu]:
        """The vCPUs created so far, by index."""
        return [self._vcpus[index] for index in sorted(self._vcpus)]

    @property
    def gic(self) -> KvmVgic | None:
        """The vGIC, once it is created."""
        return self._gic

    @property
    def its(self) -> KvmIts | None:
        """The ITS, once it is created."""
        return self._its

    def check_extension(self, capability: int) -> int:
        """`KVM_CHECK_EXTENSION`: 0 for what the host has not."""
        machine = self._state.machine
        keys = supported_features(machine.vcpus[0]) >> VcpuFeature.PTRAUTH_ADDRESS & 1
        return capabilities.check_extension(
            self._state.host,
            capability,
            vcpu_count=machine.board.max_vcpus,
            pointer_authentication=bool(keys),
            has_its=self._its is not None,
        )

    def preferred_target(self) -> VcpuInit:
        """`KVM_ARM_PREFERRED_TARGET`: GENERIC_V8, and no features."""
        return VcpuInit(features=(0,) * len(VcpuInit().features))

    def create_vcpu(self, index: int) -> KvmVcpu:
        """`KVM_CREATE_VCPU`. The counters of the whole VM start anew, from 0 and the host's count.

        Raises:
            KvmError: EBUSY once the vGIC is initialised; EEXIST if there is one with this index;
                EINVAL for an index that no VM can have.
            IncompatibleError: the machine is made with fewer vCPUs.
        """
        if not 0 <= index < capabilities.VCPU_COUNT_MAX:
            raise _no_vcpu("EINVAL", index, f"expected 0 to {capabilities.VCPU_COUNT_MAX - 1}")
        if self._state.gic_initialized:
            raise _no_vcpu("EBUSY", index, "the vGIC is initialised: create vCPUs before")
        if index in self._vcpus:
            raise _no_vcpu("EEXIST", index, "it exists")
        vcpu = self._add_vcpu(index)
        set_offset(self._state, "CNTVOFF_EL2", 0)
        set_offset(self._state, "CNTPOFF_EL2", self._state.machine.clock.count())
        return vcpu

    def create_gic(self, version: int = 3) -> KvmVgic:
        """`KVM_CREATE_DEVICE` of a vGIC.

        Args:
            version: 3, or 2: a host whose GIC is a GICv3 without legacy support has not that.

        Raises:
            KvmError: ENODEV for another version; EEXIST if there is one already; EBUSY if a vCPU
                has run without.
        """
        if version != 3:
            raise _no_device("ENODEV", f"version {version}; expected 3")
        if self._gic is not None:
            raise _no_device("EEXIST", "there is one")
        if self._state.has_run:
            raise _no_device("EBUSY", "a vCPU has run")
        return self._add_gic()

    def create_its(self) -> KvmIts:
        """`KVM_CREATE_DEVICE` of an ITS.

        Raises:
            IncompatibleError: the board has none, or the VM has it already: KVM would make another.
        """
        machine = self._state.machine
        place, its = machine.board.its(len(machine.vcpus)), machine.gic.its
        if place is None or its is None:
            raise IncompatibleError(
                f"an ITS is to be created; the board {machine.board.name} has none"
            )
        if self._its is not None:
            raise IncompatibleError(
                "an ITS is to be created; the machine has one, and that is there"
            )
        self._its = KvmIts(its, place)
        return self._its

    def irq_line(self, irq: int, level: bool) -> None:
        """`KVM_IRQ_LINE`: drive an interrupt.

        Args:
            irq: an `IrqWord`: type, vCPU and INTID.
            level: high or low.

        Raises:
            KvmError: ENXIO without a vGIC, EBUSY before it is initialised, EINVAL if there is no
                such interrupt.
        """
        interrupts.irq_line(self._state, irq, level)

    def irqfd(self, gsi: int) -> Irqfd:
        """`KVM_IRQFD`: an event for a GSI; raises `KvmError` (EINVAL) if it has no SPI."""
        return interrupts.irqfd(self._state, gsi)

    def _add_vcpu(self, index: int) -> KvmVcpu:
        if index >= len(self._state.machine.vcpus):
            raise IncompatibleError(
                f"vCPU {index} is to be created; this machine has "
                f"{len(self._state.machine.vcpus)}: make it with more"
            )
        self._vcpus[index] = KvmVcpu(index, self._state)
        self._state.created.append(index)
        return self._vcpus[index]

    def _add_gic(self) -> KvmVgic:
        self._gic = KvmVgic(self._state)
        self._state.has_gic = True
        return self._gic


def _no_vcpu(errno: Errno, index: int, why: str) -> KvmError:
    return KvmError(errno, "KVM_CREATE_VCPU", f"vCPU {index}: {why}")


def _no_device(errno: Errno, why: str) -> KvmError:
    return KvmError(errno, "KVM_CREATE_DEVICE", f"a vGIC: {why}")
