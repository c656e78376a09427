"""What a machine that boots has besides MMIO devices: memory that it shares with its monitor."""

from __future__ import annotations

from typing import NamedTuple

from emu.arch.pvtime import STOLEN_TIME_SIZE_BYTES
from emu.boards.board import Board
from emu.boards.equipment import allocate_stolen_time
from emu.core.allocator import ResourceAllocator
from emu.core.events import EventStream
from emu.core.ports import Entropy, GuestMemory
from emu.devices.vmclock import VmClock
from emu.devices.vmgenid import IrqLines, VmGenId
from emu.machine.stolen_time import StolenTime


class BootDevices(NamedTuple):
    """The devices without registers.

    Attributes:
        vmgenid: the VMGenID device.
        vmclock: the VMClock device; None if the board has none.
    """

    vmgenid: VmGenId
    vmclock: VmClock | None


def attach_boot_devices(
    board: Board,
    resources: ResourceAllocator,
    *,
    vcpu_count: int,
    ram: GuestMemory,
    stolen_time: StolenTime,
    entropy: Entropy,
    irqs: IrqLines,
    events: EventStream,
) -> BootDevices:
    """Make them, and give each the interrupts and the memory that the others have left.

    Args:
        board: which of them there are.
        resources: the interrupts and the memory that the others have left.
        vcpu_count: number of vCPUs, each with a record of stolen time if the board has such.
        ram: where they are.
        stolen_time: is told where its records are.
        entropy: draws the first generation id.
        irqs: the interrupt line of a GSI.
        events: everything that happens.

    Raises:
        BoardError: there is no interrupt or no memory left.
    """
    vmgenid = VmGenId.new(resources, entropy=entropy, irqs=irqs, events=events)
    vmgenid.activate(ram)
    vmclock = None
    if board.has_vmclock:
        vmclock = VmClock.new(resources, irqs=irqs, events=events)
        vmclock.activate(ram)
    if board.has_stolen_time:
        first = allocate_stolen_time(resources, vcpu_count)
        for vcpu in range(vcpu_count):
            stolen_time.place(vcpu, first + vcpu * STOLEN_TIME_SIZE_BYTES)
    return BootDevices(vmgenid, vmclock)
