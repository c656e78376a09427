"""KVM_CHECK_EXTENSION: what a VMM asks of the host before it makes a VM.

Sources: kvm_vm_ioctl_check_extension in arch/arm64/kvm/arm.c and virt/kvm/kvm_main.c of Linux 6.1;
that Amazon Linux 5.10 and 6.1 have COUNTER_OFFSET: arch/arm64/kvm/arch_timer.c of
amazonlinux/linux.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from emu.arch.kvm_devices import Capability
from emu.hypervisor.kvm.host import Change, Host

VCPU_COUNT_MAX: Final = 512
"""VGIC_V3_MAX_CPUS."""

_EVERYWHERE: Final[Mapping[int, int]] = MappingProxyType(
    {
        Capability.IRQCHIP: 1,
        Capability.USER_MEMORY: 1,
        Capability.MP_STATE: 1,
        Capability.IRQFD: 1,
        Capability.IOEVENTFD: 1,
        Capability.MAX_VCPUS: VCPU_COUNT_MAX,
        Capability.ONE_REG: 1,
        Capability.ARM_PSCI: 1,
        Capability.ARM_PSCI_0_2: 1,
        Capability.DEVICE_CTRL: 1,
        Capability.VCPU_ATTRIBUTES: 1,
        Capability.ARM_IRQ_LINE_LAYOUT_2: 1,
        Capability.STEAL_TIME: 1,
        Capability.COUNTER_OFFSET: 1,
    }
)
"""What is not here the host has not: AArch32, PMU and SVE among it."""


def check_extension(
    host: Host,
    capability: int,
    *,
    vcpu_count: int,
    pointer_authentication: bool,
    has_its: bool,
) -> int:
    """What the host says of a capability; 0 for all that it has not, and those that are unknown.

    Args:
        host: which it is.
        capability: a `Capability`.
        vcpu_count: how many vCPUs run well on it.
        pointer_authentication: whether its processor has that.
        has_its: whether the VM has an ITS: from then on an MSI needs a device id.
    """
    match capability:
        case Capability.NR_VCPUS:
            return vcpu_count
        case Capability.ARM_PTRAUTH_ADDRESS | Capability.ARM_PTRAUTH_GENERIC:
            return int(pointer_authentication)
        case Capability.MSI_DEVID:
            return int(has_its)
        case Capability.ARM_SUPPORTED_REG_MASK_RANGES:
            return int(host.has(Change.IDENTIFICATION_WRITABLE))
    return _EVERYWHERE.get(capability, 0)
