"""The complete state of the GIC as plain data.

A field holds what the guest can change: of a register with read-only bits, only the writable ones.
Defaults are the reset values. Where the architecture leaves them open they are KVM's
(`kvm_vgic_dist_init` and `kvm_vgic_vcpu_init` in arch/arm64/kvm/vgic/vgic-init.c, Linux 6.6):
everything in group 1, SPIs edge-triggered and routed to affinity 0.0.0.0.

The levels of the interrupt lines are not here: who drives a line drives it again after a load.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from emu.arch.gicv3 import GICR_PENDBASER, GICR_PROPBASER, PRIVATE_COUNT, SGI_COUNT
from emu.arch.its import ENTRY_BYTES, GITS_BASER, TableType

PENDBASER_RESET: Final = int(GICR_PENDBASER().replace(Shareability=0b01, InnerCache=0b011))
"""Inner shareable, read-allocate write-back (`INITIAL_PENDBASER_VALUE` in
arch/arm64/kvm/vgic/vgic-v3.c, Linux 6.1)."""

PROPBASER_RESET: Final = int(GICR_PROPBASER().replace(Shareability=0b01, InnerCache=0b011))
"""Likewise, where there are LPIs (`INITIAL_PROPBASER_VALUE` in vgic-its.c)."""

BASERS_RESET: Final = tuple(
    int(
        GITS_BASER().replace(
            Type=kind,
            Entry_Size=ENTRY_BYTES - 1,
            InnerCache=0b011,
            Shareability=0b01,
            Page_Size=0b10,
        )
    )
    for kind in (TableType.DEVICES, TableType.COLLECTIONS)
)
"""GITS_BASER0 and GITS_BASER1 (`INITIAL_BASER_VALUE` in vgic-its.c); there are no others."""


@dataclass(slots=True)
class BankState:
    """A run of interrupts. Bit n of a field, and byte n of `priority`, is its n-th interrupt."""

    group: int
    """IGROUPR: set for group 1."""
    enabled: int
    """ISENABLER and ICENABLER."""
    pending_latch: int
    """The part of ISPENDR that is held here: edges, SGIs and writes, not the lines' levels."""
    active: int
    """ISACTIVER and ICACTIVER."""
    edge: int
    """Upper bit of the ICFGR field: set for edge-triggered."""
    priority: bytes
    """IPRIORITYR, one byte per interrupt; its length is the number of interrupts."""


def reset_spis(count: int) -> BankState:
    """`count` SPIs as they are after a reset."""
    every = (1 << count) - 1
    return BankState(every, enabled=0, pending_latch=0, active=0, edge=every, priority=bytes(count))


def reset_private_interrupts() -> BankState:
    """One PE's SGIs and PPIs as they are after a reset."""
    return BankState(
        group=(1 << PRIVATE_COUNT) - 1,
        enabled=0,
        pending_latch=0,
        active=0,
        edge=(1 << SGI_COUNT) - 1,
        priority=bytes(PRIVATE_COUNT),
    )


@dataclass(slots=True)
class DistributorState:
    """The distributor's registers."""

    spis: BankState
    irouter: list[int]
    """GICD_IROUTER<n> of each SPI: the affinity it is routed to."""
    ctlr: int = 0
    """GICD_CTLR: EnableGrp0 (bit 0) and EnableGrp1 (bit 1)."""
    propbaser: int = 0
    """GICR_PROPBASER, which all redistributors share. Without LPIs it is kept for a VMM."""


@dataclass(slots=True)
class RedistributorState:
    """One redistributor's registers."""

    interrupts: BankState = field(default_factory=reset_private_interrupts)
    waker: int = 0
    """GICR_WAKER: ProcessorSleep (bit 1)."""
    pendbaser: int = PENDBASER_RESET
    """GICR_PENDBASER. Without LPIs it is kept for a VMM."""
    ctlr: int = 0
    """GICR_CTLR: EnableLPIs (bit 0)."""


@dataclass(slots=True)
class CpuInterfaceState:
    """One vCPU's ICC_* registers."""

    ctlr: int = 0
    """ICC_CTLR_EL1: CBPR (bit 0) and EOImode (bit 1)."""
    pmr: int = 0
    """ICC_PMR_EL1: priority mask, 8 bits."""
    bpr0: int = 2
    """ICC_BPR0_EL1: binary point of group 0, 2 to 7."""
    bpr1: int = 3
    """ICC_BPR1_EL1: binary point of group 1, 3 to 7 (as written, whatever CBPR says)."""
    ap0r0: int = 0
    """ICC_AP0R0_EL1: active priorities of group 0; bit n is priority 8 * n."""
    ap1r0: int = 0
    """ICC_AP1R0_EL1: active priorities of group 1; bit n is priority 8 * n."""
    igrpen0: int = 0
    """ICC_IGRPEN0_EL1: Enable (bit 0)."""
    igrpen1: int = 0
    """ICC_IGRPEN1_EL1: Enable (bit 0)."""


@dataclass(slots=True)
class LpiState:
    """What the GIC keeps of an LPI."""

    intid: int
    vcpu: int | None
    """The vCPU it goes to; None while its collection has never had one."""
    configuration: int
    """Its byte of the configuration table, as it was last read: priority and enable bit."""
    pending: bool = False


@dataclass(slots=True)
class CollectionState:
    """A collection of the ITS."""

    icid: int
    vcpu: int | None
    """None for one that was named by an event, and is not mapped."""


@dataclass(slots=True)
class TranslationState:
    """An event of a device."""

    event_id: int
    intid: int
    """The LPI that it is translated to."""
    icid: int | None
    """Its collection; None if that was unmapped."""


@dataclass(slots=True)
class DeviceState:
    """A device of the ITS."""

    device_id: int
    itt_address: int
    event_id_bits: int
    translations: list[TranslationState] = field(default_factory=list)


@dataclass(slots=True)
class ItsState:
    """The ITS: registers as they read, what is mapped, in the order of the commands, and the LPIs
    that events are translated to.
    """

    ctlr: int = 0
    """GITS_CTLR: Enabled (bit 0)."""
    cbaser: int = 0
    cwriter: int = 0
    creadr: int = 0
    basers: list[int] = field(default_factory=lambda: list(BASERS_RESET))
    """GITS_BASER0, the device table, and GITS_BASER1, the collection table."""
    collections: list[CollectionState] = field(default_factory=list)
    devices: list[DeviceState] = field(default_factory=list)
    lpis: list[LpiState] = field(default_factory=list)
    """By INTID."""


@dataclass(slots=True)
class GicState:
    """The whole GIC; redistributors and CPU interfaces are in vCPU order."""

    distributor: DistributorState
    redistributors: list[RedistributorState]
    cpu_interfaces: list[CpuInterfaceState]
    its: ItsState | None = None
    """None for a GIC without ITS, and so without LPIs."""
