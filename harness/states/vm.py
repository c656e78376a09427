"""The VM that a state is made of, while it is made."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from emu.wire.facts import Facts
from harness.states.guest import MIB, Guest, Region, dram
from harness.states.machine import Machine
from harness.states.placement import Placement
from harness.states.releases import Release

_SLOTS: Final = 8
_BLOCKS_PER_SLOT: Final = 64


@dataclass(frozen=True, slots=True)
class HotPlug:
    """Memory that can be plugged in, of which the first `plugged_blocks` are.

    Source: the defaults of `devices/virtio/mem/mod.rs` of Firecracker v1.14.0.
    """

    address: int
    plugged_blocks: int

    BLOCK_SIZE = 2 * MIB
    SLOT_SIZE = _BLOCKS_PER_SLOT * BLOCK_SIZE
    SIZE = _SLOTS * SLOT_SIZE

    @property
    def plugged_slots(self) -> int:
        """How many slots have a block that is plugged in."""
        return -(-self.plugged_blocks // _BLOCKS_PER_SLOT)


class Vm:
    """A machine that was booted by a release.

    Attributes:
        random: what is not determined is drawn from.
        hotplug: None if there is no such memory.
    """

    def __init__(self, machine: Machine, release: Release, random: Random) -> None:
        self.machine = machine
        self.release = release
        self.random = random
        self.dram = dram(machine.memory_mib, split=release.pci)
        self.guest = Guest(random, self.dram)
        self.placement = Placement(release)
        # It gets its place before all devices.
        self.hotplug = self._plug() if machine.count("mem") else None

    def _plug(self) -> HotPlug:
        address = self.placement.memory_device(HotPlug.SIZE, HotPlug.SLOT_SIZE)
        return HotPlug(address, self.random.randrange(_SLOTS * _BLOCKS_PER_SLOT + 1))

    def memory(self) -> Facts:
        """The fields of `GuestMemoryState`."""
        regions, offset = [], 0
        for region in self.dram:
            regions.append(_region(region, "Dram", [True], offset))
            offset += region.size
        if self.hotplug is not None:
            plugged = [slot < self.hotplug.plugged_slots for slot in range(_SLOTS)]
            region = Region(self.hotplug.address, HotPlug.SIZE)
            regions.append(_region(region, "Hotpluggable", plugged, offset))
        return {"regions": regions}


def _region(region: Region, region_type: str, plugged: list[bool], offset: int) -> Facts:
    return {
        "base_address": region.base,
        "size": region.size,
        "offset": offset,
        "region_type": region_type,
        "plugged": plugged,
    }
