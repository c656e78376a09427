"""What `describe` tells of a VM: its memory, vCPUs, interrupt controller and allocators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emu.formats.firecracker.gic import Interrupt
from emu.inspect.describe.views.devices import DeviceView
from emu.inspect.describe.views.registers import BlobView, RegisterView, Section

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RegionView:
    """A region of guest RAM.

    Attributes:
        base_address: its guest address.
        facts: what else the format says of it.
    """

    base_address: int
    size_bytes: int
    facts: Facts


@dataclass(frozen=True, slots=True)
class VcpuView:
    """One vCPU.

    Attributes:
        mpidr: MPIDR_EL1, by which the file names the vCPU.
        power_state: as PSCI (squib) or KVM (Firecracker) calls it.
        groups: its registers, each in one group.
        target: the type of vCPU that was asked of KVM.
        features: what was asked of KVM for it.
        pvtime_address: guest address of its record of stolen time.
    """

    index: int
    mpidr: RegisterView
    power_state: str
    groups: tuple[Section, ...]
    target: str | None = None
    features: tuple[str, ...] = ()
    pvtime_address: int | None = None


@dataclass(frozen=True, slots=True)
class RowView:
    """The words of a register, or of a row of registers of one name, as they are saved.

    Attributes:
        vcpu: index of the vCPU that it belongs to; None for the distributor.
        owner: the list that it is in.
        name: None where the list is not the one that is expected, so that names are unknown.
        words: None for a register that the host has not.
    """

    vcpu: int | None
    owner: str
    name: str | None
    words: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class GicView:
    """The interrupt controller.

    Attributes:
        version: "GICv2" or "GICv3"; None if it can't be told.
        sections: registers that are not of one interrupt each.
        interrupts: those that are enabled, pending or active; empty if that can't be told.
        rows: all that Firecracker saved, except for the ITS.
        notes: what is not as it should be.
        declared_size_bytes: what squib's `gic_state.len` says.
        blob: squib's `gic_state.bytes`.
    """

    version: str | None
    sections: tuple[Section, ...] = ()
    interrupts: tuple[Interrupt, ...] = ()
    rows: tuple[RowView, ...] = ()
    notes: tuple[str, ...] = ()
    declared_size_bytes: int | None = None
    blob: BlobView | None = None


@dataclass(frozen=True, slots=True)
class RangeView:
    """A range of numbers or addresses, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class AllocatorView:
    """Who hands out numbers or addresses.

    Attributes:
        space: what can be handed out.
        next: the least number that was never handed out.
        freed: numbers that were given back.
        allocated: address ranges that are handed out, in rising order.
        tree_height: of the tree of address ranges, as it says itself; 0 if it is empty.
    """

    name: str
    space: RangeView
    next: int | None = None
    freed: tuple[int, ...] = ()
    allocated: tuple[RangeView, ...] = ()
    tree_height: int | None = None


@dataclass(frozen=True, slots=True)
class StateView:
    """The decoded body of a state file.

    Attributes:
        vm: how the VM was configured.
        regions: guest RAM, in the order of the memory file.
        memory_file_size_bytes: what the regions take together.
        mmds: the metadata store; None if there is none.
    """

    vm: Facts
    regions: tuple[RegionView, ...]
    memory_file_size_bytes: int
    vcpus: tuple[VcpuView, ...]
    devices: tuple[DeviceView, ...]
    gic: GicView | None
    mmds: Facts | None
    allocators: tuple[AllocatorView, ...] = ()
