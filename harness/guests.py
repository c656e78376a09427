"""Machines that run the firmware guests: the shortest way from a name to a booted machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import firmware
from emu.boards.squib import SQUIB
from emu.core.image import Image
from emu.core.ports import Entropy
from emu.core.ram import Ram
from emu.cpu import CpuModel
from emu.devices.virtio.config import DeviceConfig
from emu.machine import DEFAULT_SCHEDULE, Machine, Schedule
from firmware.layout import Block, LogEntry, Results, log_from_bytes, log_size_bytes
from harness.entropy import SeededEntropy
from harness.symbols import Symbols

B = TypeVar("B", bound=Block)

RAM_SIZE_BYTES = 8 << 20
"""Enough for every firmware guest, and quick to copy."""

_BOOT_SEED = b"boot"


def boot_guest(
    name: str,
    *,
    arguments: Block | None = None,
    entropy: Entropy | None = None,
    ram_size_bytes: int = RAM_SIZE_BYTES,
    vcpu_count: int = 1,
    schedule: Schedule = DEFAULT_SCHEDULE,
    cpu_model: CpuModel | None = None,
    host_clock: int = 0,
    devices: Sequence[DeviceConfig] = (),
    virtio_latency_cycles: int = 0,
) -> Machine:
    """A machine of the squib board with the firmware guest `name`, at its entry.

    Args:
        name: as `firmware.load` takes it.
        arguments: what to ask of the guest, in place of what its image says: `Arguments`, or
            `CheckArguments` for a guest that checks itself.
        entropy: draws the first generation id; the same for every machine by default.
        ram_size_bytes: size of RAM.
        vcpu_count: number of vCPUs.
        schedule: which vCPU runs when.
        cpu_model: the processor, if not the board's.
        host_clock: the host clock at the start, in cycles.
        devices: its virtio devices: `disk` wants a block device first, `frames` a network device.
        virtio_latency_cycles: how long after a notification they look at the queue.

    Raises:
        FirmwareError: there is no such guest.
        BoardError: RAM is too small, or the board has no room for so many vCPUs.
        ScheduleError: the schedule is not one of so many vCPUs.
    """
    guest = firmware.load(name)
    machine = Machine(
        SQUIB,
        ram=Ram(SQUIB.dram_base, ram_size_bytes),
        vcpu_count=vcpu_count,
        schedule=schedule,
        cpu_model=cpu_model,
        host_clock=host_clock,
        devices=devices,
        virtio_latency_cycles=virtio_latency_cycles,
    )
    machine.boot(
        Image.parse(guest.image),
        entropy=entropy or SeededEntropy(_BOOT_SEED),
        image_path=f"firmware/{name}",
    )
    if arguments is not None:
        machine.ram.write(guest.symbols[arguments.SYMBOL], arguments.to_bytes())
    return machine


def guest_symbols(name: str) -> Symbols:
    """The labels of the guest `name`; raises as `boot_guest`."""
    return Symbols(firmware.load(name).symbols)


def read_results(machine: Machine, name: str) -> Results:
    """What the guest `name` has written down in `machine`."""
    return read_block(machine, name, Results)


def read_block(machine: Machine, name: str, block: type[B]) -> B:
    """One of the blocks through which the guest `name` talks, as it is in `machine`."""
    address = firmware.load(name).symbols[block.SYMBOL]
    return block.from_bytes(machine.ram.read(address, block.size_bytes()))


def read_log(machine: Machine, name: str) -> tuple[LogEntry, ...]:
    """The interrupts that the guest `name` has handled in `machine`, in order."""
    address = firmware.load(name).symbols[LogEntry.SYMBOL]
    data = machine.ram.read(address, log_size_bytes())
    return log_from_bytes(data, read_results(machine, name))
