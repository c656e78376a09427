"""Bit layouts of KVM's firmware registers: what the hypervisor says as firmware, to PSCI and SMCCC.

Sources: arch/arm64/include/uapi/asm/kvm.h of Linux 6.1.192; `VENDOR_HYP_BMAP_2`: the same of
Linux 6.15.
"""

from __future__ import annotations

from emu.arch.bits import Register, bit, bits


class PSCI_VERSION(Register):
    """Version of PSCI that the guest is offered."""

    Major = bits(31, 16)
    Minor = bits(15, 0)


class SMCCC_ARCH_WORKAROUND(Register):
    """Whether the guest needs workaround 1 (Spectre v2) or 3 (Spectre-BHB), and can have it."""

    Level = bits(3, 0, {0: "not available", 1: "available", 2: "not required"})


class SMCCC_ARCH_WORKAROUND_2(Register):
    """Whether the guest needs workaround 2 (speculative store bypass), and can have it."""

    Enabled = bit(4)
    Level = bits(3, 0, {0: "not available", 1: "unknown", 2: "available", 3: "not required"})


class STD_BMAP(Register):
    """Services of the standard secure range that the guest is offered."""

    TRNG_V1_0 = bit(0)


class STD_HYP_BMAP(Register):
    """Services of the standard hypervisor range that the guest is offered."""

    PV_TIME = bit(0)


class VENDOR_HYP_BMAP(Register):
    """Services of the vendor-specific hypervisor range that the guest is offered."""

    PTP = bit(1)
    FUNC_FEAT = bit(0)


class VENDOR_HYP_BMAP_2(Register):
    """Services 64 to 127 of the vendor-specific hypervisor range that the guest is offered."""

    DISCOVER_IMPL_CPUS = bit(1)
    DISCOVER_IMPL_VER = bit(0)
