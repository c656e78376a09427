"""The complete architectural state of a machine, as plain data: to compare, to hash, to keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Self

from emu.cpu import VcpuState
from emu.devices.ns16550 import Ns16550State
from emu.devices.pl011 import Pl011State
from emu.devices.pl031 import Pl031State
from emu.devices.virtio.mmio import MmioTransportState, VirtioMmio
from emu.devices.vmclock import VmClockState
from emu.devices.vmgenid import VmGenIdState
from emu.gic.state import GicState
from emu.machine.psci import Power


@dataclass(slots=True)
class ConnectedState:
    """A virtio device.

    Attributes:
        transport: its registers.
        device: what its type of device keeps.
    """

    transport: MmioTransportState
    device: object

    @classmethod
    def of(cls, found: VirtioMmio) -> Self:
        """The state of a device and its transport."""
        return cls(found.state(), found.device.state())

    def load_into(self, found: VirtioMmio) -> None:
        """Have a device and its transport become this; no interrupt is raised.

        Raises:
            IncompatibleError: it is none that they can have.
            BackingError: the guest may write to a disk, and it is read-only.
        """
        found.load_state(self.transport)
        found.device.load_state(self.device)


@dataclass(slots=True)
class MachineState:
    """Everything but RAM, which is given by its digest.

    Attributes:
        cycles: virtual time.
        power: PSCI power state of each vCPU.
        vcpus: each vCPU.
        gic: the interrupt controller, CPU interfaces included.
        uart: the serial console, None without it.
        rtc: the real-time clock, None without it.
        virtio: each virtio device, by id.
        stolen_time: where each vCPU's record of stolen time is, None without it.
        vmgenid: where VMGenID is, None without it.
        vmclock: where VMClock is and what it says, None without it.
        ram_sha256: SHA-256 of all RAM, in hex.
    """

    cycles: int
    power: list[Power]
    vcpus: list[VcpuState]
    gic: GicState
    uart: Pl011State | Ns16550State | None
    rtc: Pl031State | None
    virtio: dict[str, ConnectedState]
    stolen_time: list[int | None]
    vmgenid: VmGenIdState | None
    vmclock: VmClockState | None
    ram_sha256: str


def differences(left: object, right: object, path: str = "") -> Iterator[str]:
    """The leaves in which two states differ, as `path: left != right`."""
    if is_dataclass(left) and type(left) is type(right):
        for field in fields(left):
            name = f"{path}.{field.name}" if path else field.name
            yield from differences(getattr(left, field.name), getattr(right, field.name), name)
    elif isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(left.keys() | right.keys()):
            yield from differences(left.get(key), right.get(key), f"{path}[{key}]")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, pair in enumerate(zip(left, right, strict=True)):
            yield from differences(*pair, f"{path}[{index}]")
    elif left != right:
        yield f"{path}: {_shown(left)} != {_shown(right)}"


def _shown(value: object) -> str:
    return hex(value) if type(value) is int else repr(value)
