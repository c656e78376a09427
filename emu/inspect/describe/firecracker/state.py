"""A Firecracker state for people, of whichever release."""

from __future__ import annotations

from typing import Any

from emu.formats.firecracker.restore import memory_regions
from emu.formats.memory.regions import Region
from emu.inspect.describe.facts import facts, plain
from emu.inspect.describe.firecracker import locate
from emu.inspect.describe.firecracker.devices import virtio_views
from emu.inspect.describe.firecracker.gic import gic_view
from emu.inspect.describe.firecracker.platform import platform_views
from emu.inspect.describe.firecracker.resources import allocator_views
from emu.inspect.describe.firecracker.vcpus import vcpu_view
from emu.inspect.describe.views.state import Facts, RegionView, StateView


def state_view(state: Any, regions: tuple[Region, ...]) -> StateView:
    """All that a state says; `regions` is the guest memory that it describes."""
    return StateView(
        vm=_vm(state),
        regions=tuple(map(_region, memory_regions(state))),
        memory_file_size_bytes=sum(region.size_bytes for region in regions),
        vcpus=tuple(vcpu_view(index, vcpu) for index, vcpu in enumerate(state.vcpu_states)),
        devices=(*virtio_views(state), *platform_views(state)),
        gic=gic_view(state.vm_state.gic),
        mmds=_mmds(locate.mmds(state)),
        allocators=tuple(allocator_views(locate.allocators(state))),
    )


def _vm(state: Any) -> Facts:
    told = facts(state.vm_info)
    told |= told.pop("boot_source")
    told["kvm_cap_modifiers"] = locate.kvm_cap_modifiers(state)
    pci_enabled = locate.pci_enabled(state)
    return told if pci_enabled is None else told | {"pci_enabled": pci_enabled}


def _region(region: Any) -> RegionView:
    return RegionView(
        region.base_address, region.size, facts(region, without=("base_address", "size"))
    )


def _mmds(service: Any) -> Facts | None:
    """Up to v1.12 it is nothing but the version."""
    if service is None:
        return None
    told = plain(service)
    return told if isinstance(told, dict) else {"version": told}
