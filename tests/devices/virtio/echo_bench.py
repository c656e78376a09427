"""A virtio device behind its registers, and a driver of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from emu.arch.virtio import DeviceStatus
from emu.arch.virtio_mmio import VIRTIO_MMIO
from emu.devices.virtio.mmio import VirtioMmio
from harness.properties.devices.rings import Poke, Ring
from harness.properties.devices.world import RAM_BASE, World
from tests.devices.virtio.echo import OFFERED, Echo

ACKNOWLEDGE = DeviceStatus.ACKNOWLEDGE.mask
DRIVER = ACKNOWLEDGE | DeviceStatus.DRIVER.mask
FEATURES_OK = DRIVER | DeviceStatus.FEATURES_OK.mask
DRIVER_OK = FEATURES_OK | DeviceStatus.DRIVER_OK.mask
FAILED = DeviceStatus.FAILED.mask
NEEDS_RESET = DeviceStatus.DEVICE_NEEDS_RESET.mask

USED_BUFFER, CONFIGURATION = 1, 2
"""Bits of InterruptStatus."""

STEPS = (ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK)


@dataclass
class Bench:
    """The device, its registers by name, and two rings in its world's memory."""

    world: World = field(default_factory=World)
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.device = Echo(self.world.host())
        self.mmio = VirtioMmio(self.device, self.world.line, **self.options)
        self.rings = [
            Ring(self.world.ram, RAM_BASE, 16),
            Ring(self.world.ram, RAM_BASE + 0x4000, 8),
        ]

    def __getitem__(self, name: str) -> int:
        return self.mmio.read(VIRTIO_MMIO[name], 4)

    def __setitem__(self, name: str, value: int) -> None:
        self.mmio.write(VIRTIO_MMIO[name], 4, value)

    @property
    def violations(self) -> list[str]:
        """What broke a rule since this was asked last; interrupts are forgotten as well."""
        return [event for event in self.world.take_notes().events if "DriverViolation" in event]

    @property
    def interrupts(self) -> int:
        """Pulses since this was asked last; events are forgotten as well."""
        return len(self.world.take_notes().interrupts)

    def poke(self, *pokes: Poke) -> None:
        for address, data in pokes:
            self.world.ram.write(address, data)

    def to(self, status: int, features: int = OFFERED) -> Bench:
        """Initialize the device as a driver does, up to `status` (3.1.1)."""
        for step in STEPS[: STEPS.index(status) + 1]:
            if step == FEATURES_OK:
                self.accept(features)
            if step == DRIVER_OK:
                for index in range(len(self.rings)):
                    self.set_up(index)
            self["Status"] = step
        return self

    def accept(self, features: int) -> None:
        for word in range(2):
            self["DriverFeaturesSel"] = word
            self["DriverFeatures"] = features >> 32 * word & 0xFFFF_FFFF

    def set_up(self, index: int, **changed: int) -> None:
        """Program a queue; `changed` are the registers that get something else."""
        ring = self.rings[index]
        self["QueueSel"] = index
        values = {
            "QueueNum": ring.size,
            "QueueDescLow": ring.descriptors,
            "QueueDescHigh": 0,
            "QueueDriverLow": ring.available,
            "QueueDriverHigh": 0,
            "QueueDeviceLow": ring.used,
            "QueueDeviceHigh": 0,
            "QueueReady": 1,
        }
        for name, value in (values | changed).items():
            self[name] = value

    def ask(self, request: bytes, *, queue: int = 0, indirect: bool = False) -> bytes:
        """One request and its answer."""
        ring = self.rings[queue]
        self.poke(*ring.post([request], [len(request)], indirect=indirect))
        answer = ring.buffer(ring.held[next(reversed(ring.held))][1])
        self["QueueNotify"] = queue
        (used,) = ring.reap()
        return self.world.ram.read(answer, used.written)

    def thaw(self) -> Bench:
        """Another device in the same world that goes on from this one's state."""
        self.world.forget_deadlines()
        other = Bench(self.world, self.options)
        other.device.load_state(self.device.state())
        other.mmio.load_state(self.mmio.state())
        other.rings = self.rings
        return other
