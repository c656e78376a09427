"""KVM's devices, interrupt words and capabilities on arm64, as numbers and layouts.

Sources: include/uapi/linux/kvm.h and arch/arm64/include/uapi/asm/kvm.h of Linux 6.18;
Documentation/virt/kvm/devices/arm-vgic-v3.rst, arm-vgic-its.rst and vcpu.rst for what they mean.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from emu.arch.bits import Register, bits

# --- KVM_IRQ_LINE --------------------------------------------------------------------------------


class IrqType(IntEnum):
    """What an interrupt word of KVM_IRQ_LINE names (KVM_ARM_IRQ_TYPE_*)."""

    CPU = 0
    SPI = 1
    PPI = 2


class IrqWord(Register):
    """The `irq` of KVM_IRQ_LINE."""

    Vcpu2 = bits(31, 28)
    Type = bits(27, 24, {kind.value: kind.name for kind in IrqType})
    Vcpu = bits(23, 16)
    Number = bits(15, 0)

    @property
    def vcpu(self) -> int:
        """The vCPU that a PPI belongs to."""
        return self.Vcpu2 << 8 | self.Vcpu


# --- the vGIC (KVM_DEV_TYPE_ARM_VGIC_V3) ---------------------------------------------------------


class VgicGroup(IntEnum):
    """KVM_DEV_ARM_VGIC_GRP_*."""

    ADDR = 0
    DIST_REGS = 1
    NR_IRQS = 3
    CTRL = 4
    REDIST_REGS = 5
    CPU_SYSREGS = 6
    LEVEL_INFO = 7
    ITS_REGS = 8


class VgicAddress(IntEnum):
    """Attributes of `VgicGroup.ADDR` (KVM_VGIC_V3_ADDR_TYPE_*)."""

    DIST = 2
    REDIST = 3
    REDIST_REGION = 5


class VgicControl(IntEnum):
    """Attributes of `VgicGroup.CTRL`."""

    INIT = 0
    SAVE_PENDING_TABLES = 3


class VgicAttribute(Register):
    """The attribute of a register: whose it is, and which.

    Affinity has no gaps: Aff3 to Aff0, 8 bits each. Offset is that in the frame, for DIST_REGS and
    REDIST_REGS; an encoding in its lower half, for CPU_SYSREGS.
    """

    Affinity = bits(63, 32)
    Offset = bits(31, 0)


class LevelInfo(Register):
    """The attribute of `VgicGroup.LEVEL_INFO`."""

    Affinity = bits(63, 32)
    Info = bits(31, 10, {0: "VGIC_LEVEL_INFO_LINE_LEVEL"})
    Intid = bits(9, 0)


class RedistRegion(Register):
    """The value of `VgicAddress.REDIST_REGION`. Base is in units of 64 KiB."""

    Count = bits(63, 52)
    Base = bits(51, 16)
    Flags = bits(15, 12)
    Index = bits(11, 0)


# --- the ITS (KVM_DEV_TYPE_ARM_VGIC_ITS), whose groups are ADDR, CTRL and ITS_REGS ----------------

ITS_ADDRESS: Final = 4
"""The attribute of `VgicGroup.ADDR` (KVM_VGIC_ITS_ADDR_TYPE)."""


class ItsControl(IntEnum):
    """Attributes of the ITS's `VgicGroup.CTRL`."""

    INIT = 0
    SAVE_TABLES = 1
    RESTORE_TABLES = 2
    RESET = 4


# --- a vCPU --------------------------------------------------------------------------------------


class VcpuGroup(IntEnum):
    """KVM_ARM_VCPU_*_CTRL."""

    PMU_V3_CTRL = 0
    TIMER_CTRL = 1
    PVTIME_CTRL = 2


class TimerAttribute(IntEnum):
    """Attributes of `VcpuGroup.TIMER_CTRL`."""

    IRQ_VTIMER = 0
    IRQ_PTIMER = 1


PVTIME_IPA: Final = 0
"""The attribute of `VcpuGroup.PVTIME_CTRL`: where a vCPU's stolen time is told."""

# --- KVM_CHECK_EXTENSION -------------------------------------------------------------------------


class Capability(IntEnum):
    """KVM_CAP_*: those that VMMs of arm64 ask for."""

    IRQCHIP = 0
    USER_MEMORY = 3
    NR_VCPUS = 9
    MP_STATE = 14
    IRQFD = 32
    IOEVENTFD = 36
    MAX_VCPUS = 66
    ONE_REG = 70
    ARM_PSCI = 87
    DEVICE_CTRL = 89
    ARM_EL1_32BIT = 93
    ARM_PSCI_0_2 = 102
    ARM_PMU_V3 = 126
    VCPU_ATTRIBUTES = 127
    MSI_DEVID = 131
    ARM_SVE = 170
    ARM_PTRAUTH_ADDRESS = 171
    ARM_PTRAUTH_GENERIC = 172
    ARM_IRQ_LINE_LAYOUT_2 = 174
    STEAL_TIME = 187
    COUNTER_OFFSET = 227
    ARM_SUPPORTED_REG_MASK_RANGES = 230
