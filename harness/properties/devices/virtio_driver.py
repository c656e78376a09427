"""A random driver of a virtio device over MMIO, and the interrupts that it has to see.

Source: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 3.1.1 and 4.2.3 for what it does; 2.7.7,
2.7.10 and 2.1.2 for what it has to see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple

from emu.arch.virtio import DeviceStatus, Feature, InterruptStatus
from emu.arch.virtio_mmio import CONFIG_OFFSET, VIRTIO_MMIO, WRITE_ONLY
from emu.core.ram import Ram
from harness.properties.devices.actions import Action, Load, Outside, Store, Wait
from harness.properties.devices.rings import Poke, Ring
from harness.properties.devices.subject import Step
from harness.properties.devices.world import RAM_BASE, RAM_SIZE_BYTES, World

ACKNOWLEDGE: Final = DeviceStatus.ACKNOWLEDGE.mask
DRIVER: Final = ACKNOWLEDGE | DeviceStatus.DRIVER.mask
FEATURES_OK: Final = DRIVER | DeviceStatus.FEATURES_OK.mask
DRIVER_OK: Final = FEATURES_OK | DeviceStatus.DRIVER_OK.mask

RING_STRIDE_BYTES: Final = 0x4000
RESET: Final = (Store(VIRTIO_MMIO["Status"], 0),)
REGISTERS: Final = tuple(slot.offset for slot in VIRTIO_MMIO.slots)

_USED_BUFFER: Final = InterruptStatus.USED_BUFFER.mask
_CONFIGURATION: Final = InterruptStatus.CONFIGURATION.mask


class Request(NamedTuple):
    """What a driver asks of a device.

    Attributes:
        queue: index of the queue.
        readable: what it gives the device to read.
        writable: the sizes of what the device may write.
    """

    queue: int
    readable: Sequence[bytes] = ()
    writable: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtioDriver:
    """A driver. As a function, it is one that `DeviceUnderTest.drive` takes.

    Attributes:
        features: feature bits that it knows; it accepts some of those that the device has.
        queue_sizes: the largest size of each queue, in descriptors.
        request: draws what it asks for at once, in this order; mostly one thing.
        first: what it makes available as soon as the device is started.
        outside: draws what happens at the device's other side; nothing if None.
        config_size_bytes: of the configuration space.
    """

    features: int
    queue_sizes: Sequence[int]
    request: Callable[[Random], Sequence[Request]]
    first: Sequence[Request] = ()
    outside: Callable[[Random], Outside] | None = None
    config_size_bytes: int = 0

    def __call__(self, random: Random, world: World) -> Iterator[Action]:
        """What it does, without end."""
        while True:
            session = _Session(self, random, world.ram)
            yield from session.set_up()
            for _ in range(random.randint(40, 160)):
                yield from session.work()
            yield from RESET


@dataclass(slots=True)
class _Session:
    """One life of the device, from a reset to the next."""

    driver: VirtioDriver
    random: Random
    ram: Ram
    features: int = 0
    rings: list[Ring] = field(default_factory=list)

    def set_up(self) -> Iterator[Action]:
        """Initialize the device, up to DRIVER_OK."""
        yield from RESET
        yield from self._look_around()
        yield from _store("Status", ACKNOWLEDGE, DRIVER)
        yield from self._negotiate()
        yield from _store("Status", FEATURES_OK)
        yield Load(VIRTIO_MMIO["Status"])
        for index, most in enumerate(self.driver.queue_sizes):
            yield from self._set_up_queue(index, min(16, most))
        yield from _store("Status", DRIVER_OK)
        for request in self.driver.first:
            yield from self._post(request, 1)

    def work(self) -> Iterator[Action]:
        """One of the things that a driver does."""
        match self.random.randrange(12):
            case 0:
                yield from self._acknowledge()
            case 1:
                yield from self._look_around()
            case 2:
                yield Wait(self.random.choice([1, 50, 1000, 150_000]))
            case 3:
                yield from self._ask_for_interrupts()
            case 4 if self.driver.outside is not None:
                yield self.driver.outside(self.random)
            case 5 if self.driver.config_size_bytes:
                size = self.random.choice([1, 2, 4])
                yield Load(
                    CONFIG_OFFSET + self.random.randrange(self.driver.config_size_bytes), size
                )
            case 6:
                yield from _store("QueueNotify", self.random.randrange(len(self.rings)))
            case _:
                count = self.random.choice([1, 1, 1, 3])
                for request in self.driver.request(self.random):
                    yield from self._post(request, count)

    def _look_around(self) -> Iterator[Action]:
        for name in self.random.choices(
            [n for n in VIRTIO_MMIO.by_name if n not in WRITE_ONLY], k=2
        ):
            yield Load(VIRTIO_MMIO[name])

    def _negotiate(self) -> Iterator[Action]:
        optional = self.driver.features & ~(1 << Feature.VERSION_1)
        kept = self.random.choice([optional, optional & self.random.getrandbits(64)])
        self.features = kept | 1 << Feature.VERSION_1
        words = [0, 1]
        self.random.shuffle(words)
        for word in words:
            yield from _store("DeviceFeaturesSel", word)
            yield Load(VIRTIO_MMIO["DeviceFeatures"])
            yield from _store("DriverFeaturesSel", word)
            yield from _store("DriverFeatures", self.features >> 32 * word & 0xFFFF_FFFF)

    def _set_up_queue(self, index: int, size: int) -> Iterator[Action]:
        ring = Ring(self.ram, RAM_BASE + index * RING_STRIDE_BYTES, size)
        self.rings.append(ring)
        yield Poke(ring.base, bytes(0x1000))
        yield from _store("QueueSel", index)
        yield Load(VIRTIO_MMIO["QueueNumMax"])
        values = [
            ("QueueNum", size),
            ("QueueDescLow", ring.descriptors),
            ("QueueDescHigh", 0),
            ("QueueDriverLow", ring.available),
            ("QueueDriverHigh", 0),
            ("QueueDeviceLow", ring.used),
            ("QueueDeviceHigh", 0),
        ]
        self.random.shuffle(values)
        for name, value in values:
            yield from _store(name, value)
        yield from _store("QueueReady", 1)
        yield Load(VIRTIO_MMIO["QueueReady"])
        if self.random.random() < 0.1:  # too early, as Linux's balloon driver is
            yield from _store("QueueNotify", index)

    def _post(self, request: Request, count: int) -> Iterator[Action]:
        """Make a request available so many times, with one notification for all."""
        ring = self.rings[request.queue]
        ring.reap()
        for _ in range(count):
            if len(ring.free) < len(request.readable) + len(request.writable):
                break
            indirect = (
                bool(self.features >> Feature.INDIRECT_DESC & 1) and self.random.random() < 0.4
            )
            yield from ring.post(request.readable, request.writable, indirect=indirect)
        yield from _store("QueueNotify", request.queue)

    def _acknowledge(self) -> Iterator[Action]:
        yield Load(VIRTIO_MMIO["InterruptStatus"])
        yield from _store("InterruptACK", self.random.choice([3, 1, 2]))

    def _ask_for_interrupts(self) -> Iterator[Action]:
        """Say when to interrupt, in both ways; which one counts was negotiated."""
        ring = self.random.choice(self.rings)
        event = ring.used_index() + self.random.choice([-1, 0, 0, 0, 1, 5]) & 0xFFFF
        yield Poke(ring.used_event, event.to_bytes(2, "little"))
        if not self.features >> Feature.EVENT_IDX & 1:
            yield Poke(ring.available, self.random.choice([b"\0\0", b"\0\0", b"\1\0"]))


def _store(name: str, *values: int) -> Iterator[Action]:
    for value in values:
        yield Store(VIRTIO_MMIO[name], value)


# --- the interrupts ------------------------------------------------------------------------------


def interrupt_faults(step: Step) -> Iterator[str]:
    """What of a step's interrupts is not as the specification asks for it.

    The state of a device is a pair: of its transport, and its own with `virtio` in it.
    """
    transport, _ = step.after
    expected = _expected(step)
    if bool(step.notes.interrupts) is not bool(expected):
        seen = ", ".join(step.notes.interrupts) or "no interrupt"
        yield f"{seen}; expected {expected or 'none'}"
    if any(interrupt != "pulse" for interrupt in step.notes.interrupts):
        yield f"the interrupt is an edge: {step.notes.interrupts}"
    kept = step.before[0].interrupt_status & ~_acknowledged(step.action)
    wanted = kept | (_USED_BUFFER if "used" in expected else 0)
    wanted |= _CONFIGURATION if "configuration" in expected else 0
    was_reset = transport.device_status == 0
    if transport.interrupt_status != (0 if was_reset else wanted):
        yield f"InterruptStatus is {transport.interrupt_status:#x}; expected {wanted:#x}"


def _expected(step: Step) -> str:
    transport, own = step.after
    before, _ = step.before
    if not transport.device_status & DeviceStatus.DRIVER_OK.mask:
        return ""
    fails = transport.device_status & ~before.device_status & DeviceStatus.DEVICE_NEEDS_RESET.mask
    changes = transport.config_generation != before.config_generation
    used = any(_wants_interrupt(step, own.virtio, queue) for queue in own.virtio.queues)
    return " and ".join(
        name for name, holds in (("used", used), ("configuration", fails or changes)) if holds
    )


def _wants_interrupt(step: Step, virtio: Any, queue: Any) -> bool:
    """Whether buffers were given back, and the driver wants to know of one of them."""
    if not (queue.ready and virtio.activated):
        return False
    old = _read_u16(step.memory_before, queue.used_ring + 2)
    new = _read_u16(step.memory_after, queue.used_ring + 2)
    written = [index & 0xFFFF for index in range(old, old + (new - old & 0xFFFF))]
    if not virtio.acked_features >> Feature.EVENT_IDX & 1:
        return bool(written) and not _read_u16(step.memory_after, queue.avail_ring) & 1
    return _read_u16(step.memory_after, queue.avail_ring + 4 + 2 * queue.size) in written


def _acknowledged(action: Action) -> int:
    is_ack = isinstance(action, Store) and action.offset == VIRTIO_MMIO["InterruptACK"]
    return action.value if is_ack and isinstance(action, Store) else 0


def _read_u16(memory: bytes, address: int) -> int:
    at = address - RAM_BASE
    return int.from_bytes(memory[at : at + 2], "little") if 0 <= at < RAM_SIZE_BYTES else 0
