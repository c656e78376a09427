"""Machines that have every kind of device that their board can have."""

from __future__ import annotations

from typing import Any, Final

from emu import boards
from emu.arch.vmclock import AT_BOOT, pack
from emu.boards.device_tree import Description
from emu.boards.places import Window
from emu.cpu import MAX
from emu.devices.vmclock import VmClockState
from emu.devices.vmgenid import VmGenIdState

MIB = 1 << 20
SEED: Final = bytes(range(64))
VMCLOCK: Final = VmClockState(guest_address=0x801F_E000, gsi=5, inner=pack(AT_BOOT))


def describe(name: str, **changes: Any) -> Description:
    """A machine of 128 MiB with one vCPU and two virtio transports, or one with `changes`."""
    board = boards.get(name)
    equipment = board.equip(virtio_count=2)
    machine: dict[str, Any] = {
        "board": board,
        "ram_size_bytes": 128 * MIB,
        "mpidrs": board.mpidrs(1),
        "cpu_model": MAX,
        "equipment": equipment,
        "bootargs": "console=ttyS0",
        "vmgenid": VmGenIdState(board.resource_allocator(equipment).gsis.allocate(), 0x801F_FFF0),
        "vmclock": VMCLOCK if board.has_vmclock else None,
        "initrd": Window(0x87D0_0000, 0x1234),
        "rng_seed": SEED,
    }
    return Description(**machine | changes)
