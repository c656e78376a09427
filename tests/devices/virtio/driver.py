"""A machine around a virtio device, and a driver for it, for tests.

A test says byte by byte what the driver does: `Driver` knows how, and checks nothing by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from emu.arch.virtio import DeviceStatus, Feature
from emu.arch.virtio_mmio import CONFIG_OFFSET, VIRTIO_MMIO
from emu.arch.virtqueue import (
    DESCRIPTOR,
    USED_ENTRY,
    DescriptorFlags,
    available_ring_size_bytes,
    descriptor_table_size_bytes,
    used_ring_size_bytes,
)
from emu.core.clock import VirtualClock
from emu.core.deadlines import Deadlines
from emu.core.events import DriverViolation, Event, EventStream
from emu.core.ram import Ram
from emu.devices.host import Host
from emu.devices.virtio.device import VirtioDevice
from emu.devices.virtio.mmio import VirtioMmio

RAM_BASE = 0x8000_0000
OUTSIDE_RAM = 0x1000
CYCLES_PER_S = 1_000_000_000

D = TypeVar("D", bound=VirtioDevice)


class Line:
    """An interrupt line that counts its pulses."""

    def __init__(self) -> None:
        self.pulses = 0

    def set_level(self, high: bool) -> None:
        raise AssertionError(f"the interrupt is an edge, and was driven {high}")

    def pulse(self) -> None:
        self.pulses += 1


def counted_entropy(size: int) -> bytes:
    """Random enough."""
    return bytes(n * 37 & 0xFF for n in range(size))


class Bench:
    """The machine: RAM, virtual time, and all that happened, if it `listens`."""

    def __init__(
        self,
        *,
        ram_size_bytes: int = 1 << 20,
        cycles_per_s: int = CYCLES_PER_S,
        latency_cycles: int = 0,
        listens: bool = True,
    ) -> None:
        self.ram = Ram(RAM_BASE, ram_size_bytes)
        self.clock = VirtualClock(cycles_per_tick=1)
        self.line = Line()
        self.log: list[Event] = []
        self._free = RAM_BASE
        events = EventStream(self.clock)
        if listens:
            events.subscribe(lambda stamped: self.log.append(stamped.event))
        self.host = Host(
            memory=self.ram,
            clock=self.clock,
            cycles_per_s=cycles_per_s,
            deadlines=Deadlines(self.clock, lambda: None),
            events=events,
            entropy=counted_entropy,
            latency_cycles=latency_cycles,
        )

    @property
    def violations(self) -> list[str]:
        """Why the driver was blamed."""
        return [event.reason for event in self.log if isinstance(event, DriverViolation)]

    def forget_deadlines(self) -> None:
        """Devices that are made from here on have a machine without the old ones' deadlines."""
        self.host = replace(self.host, deadlines=Deadlines(self.clock, lambda: None))

    def allocate(self, size_bytes: int, alignment: int = 16) -> int:
        """RAM that nothing else uses."""
        address = -(-self._free // alignment) * alignment
        self._free = address + size_bytes
        return address

    def place(self, data: bytes) -> int:
        """RAM with these bytes."""
        address = self.allocate(len(data))
        self.ram.write(address, data)
        return address

    def advance(self, cycles: int) -> None:
        """Let time pass, and what is due happen when it is."""
        deadlines, end = self.host.deadlines, self.clock.now() + cycles
        while (due := deadlines.next_cycles()) is not None and due <= end:
            self.clock.advance(max(0, due - self.clock.now()))
            deadlines.run_due()
        self.clock.advance(end - self.clock.now())


class Part(NamedTuple):
    """One buffer of a chain."""

    address: int
    size_bytes: int
    is_writable: bool


class Used(NamedTuple):
    """An entry of the used ring."""

    head: int
    written: int


@dataclass
class QueueDriver:
    """The driver's side of one queue."""

    bench: Bench
    index: int
    size: int

    def __post_init__(self) -> None:
        self.table = self.bench.allocate(descriptor_table_size_bytes(self.size))
        self.available = self.bench.allocate(available_ring_size_bytes(self.size))
        self.used = self.bench.allocate(used_ring_size_bytes(self.size))
        self.chains: dict[int, tuple[Part, ...]] = {}
        self._descriptors: dict[int, list[int]] = {}
        self._free = list(range(self.size))
        self.next_available = 0
        self.next_used = 0

    # --- buffers to the device -----------------------------------------------------------------

    def part(self, content: bytes | int) -> Part:
        """A buffer that is placed somewhere: of bytes to read, or of a size to write."""
        if isinstance(content, int):
            return Part(self.bench.allocate(content), content, is_writable=True)
        return Part(self.bench.place(content), len(content), is_writable=False)

    def offer(self, *contents: bytes | int | Part, indirect: bool = False) -> int:
        """Make a chain available: its head."""
        parts = tuple(part if isinstance(part, Part) else self.part(part) for part in contents)
        taken = [self._free.pop(0) for _ in range(1 if indirect else len(parts))]
        head = taken[0]
        if indirect:
            table = self.bench.allocate(descriptor_table_size_bytes(len(parts)))
            self._chain(table, range(len(parts)), parts)
            self.write_descriptor(head, table, DESCRIPTOR.size * len(parts),
                                  DescriptorFlags.INDIRECT.mask)  # fmt: skip
        else:
            self._chain(self.table, taken, parts)
        self.chains[head], self._descriptors[head] = parts, taken
        self.publish(head)
        return head

    def publish(self, head: int) -> None:
        """Write an entry of the available ring, and its index."""
        slot = self.available + 4 + 2 * (self.next_available % self.size)
        self._write_u16(slot, head)
        self.next_available = self.next_available + 1 & 0xFFFF
        self._write_u16(self.available + 2, self.next_available)

    def write_descriptor(
        self, index: int, address: int, size_bytes: int, flags: int, following: int = 0
    ) -> None:
        """Write a descriptor of the queue's table, whatever it says."""
        data = DESCRIPTOR.pack(address, size_bytes, flags, following)
        self.bench.ram.write(self.table + DESCRIPTOR.size * index, data)

    def set_used_event(self, index: int) -> None:
        """With EVENT_IDX: interrupt when this entry of the used ring is written."""
        self._write_u16(self.available + available_ring_size_bytes(self.size) - 2, index)

    # --- buffers from the device ---------------------------------------------------------------

    def take_used(self) -> list[Used]:
        """What was given back since the last call."""
        return list(self._take_used())

    def content(self, head: int) -> bytes:
        """What the writable buffers of a chain hold, whether it was given back or not."""
        return b"".join(
            self.bench.ram.read(part.address, part.size_bytes)
            for part in self.chains[head]
            if part.is_writable
        )

    @property
    def outstanding(self) -> int:
        """How many chains are not given back."""
        return len(self._descriptors)

    # --- inside ------------------------------------------------------------------------------

    def _take_used(self) -> Iterator[Used]:
        while self.next_used != self._read_u16(self.used + 2):
            slot = self.used + 4 + USED_ENTRY.size * (self.next_used % self.size)
            used = Used(*USED_ENTRY.unpack(self.bench.ram.read(slot, USED_ENTRY.size)))
            self.next_used = self.next_used + 1 & 0xFFFF
            self._free += self._descriptors.pop(used.head)
            yield used

    def _chain(self, table: int, indices: Sequence[int], parts: Sequence[Part]) -> None:
        for number, (index, part) in enumerate(zip(indices, parts, strict=True)):
            is_last = number == len(parts) - 1
            flags = DescriptorFlags.WRITE.mask * part.is_writable
            flags |= DescriptorFlags.NEXT.mask * (not is_last)
            data = DESCRIPTOR.pack(
                part.address, part.size_bytes, flags, 0 if is_last else indices[number + 1]
            )
            self.bench.ram.write(table + DESCRIPTOR.size * index, data)

    def _read_u16(self, address: int) -> int:
        return int.from_bytes(self.bench.ram.read(address, 2), "little")

    def _write_u16(self, address: int, value: int) -> None:
        self.bench.ram.write(address, value.to_bytes(2, "little"))


class Driver(Generic[D]):
    """A driver of one device.

    Args:
        bench: the machine.
        build: makes the device for a host.
    """

    def __init__(self, bench: Bench, build: Callable[[Host], D]) -> None:
        self.bench = bench
        self._build = build
        self.device = build(bench.host)
        self.mmio = VirtioMmio(self.device, bench.line)
        self.queues: list[QueueDriver] = []

    def __getitem__(self, register: str) -> int:
        return self.mmio.read(VIRTIO_MMIO[register], 4)

    def __setitem__(self, register: str, value: int) -> None:
        self.mmio.write(VIRTIO_MMIO[register], 4, value)

    @property
    def needs_reset(self) -> bool:
        """Whether the device says so."""
        return bool(self["Status"] & DeviceStatus.DEVICE_NEEDS_RESET.mask)

    @property
    def offered(self) -> int:
        """The features that the device offers."""
        features = 0
        for page in (0, 1):
            self["DeviceFeaturesSel"] = page
            features |= self["DeviceFeatures"] << 32 * page
        return features

    def config(self, offset: int, size: int) -> int:
        """Of the configuration space."""
        return self.mmio.read(CONFIG_OFFSET + offset, size)

    def start(self, *, without: Sequence[int] = (), queue_size: int = 16) -> None:
        """Initialize the device (virtio 1.2, 3.1.1).

        Args:
            without: bit numbers of features that are not accepted; all others are.
            queue_size: of each queue, in descriptors.
        """
        features = self.offered & ~sum(1 << bit for bit in without) | 1 << Feature.VERSION_1
        status = 0
        for bit in (DeviceStatus.ACKNOWLEDGE, DeviceStatus.DRIVER):
            status |= bit.mask
            self["Status"] = status
        for page in (0, 1):
            self["DriverFeaturesSel"] = page
            self["DriverFeatures"] = features >> 32 * page & 0xFFFF_FFFF
        status |= DeviceStatus.FEATURES_OK.mask
        self["Status"] = status
        self.queues = [self._set_up(n, queue_size) for n in range(len(self.device.queues))]
        self["Status"] = status | DeviceStatus.DRIVER_OK.mask

    def notify(self, queue: int = 0) -> None:
        """Tell the device to look at a queue."""
        self["QueueNotify"] = queue

    def acknowledge(self) -> int:
        """Acknowledge all interrupts; which there were."""
        status = self["InterruptStatus"]
        self["InterruptACK"] = status
        return status

    def thaw(self, load: Callable[[D, D], None]) -> None:
        """Go on with another device in another machine, of the same memory and time.

        Args:
            load: gives the old device's state to the new one.
        """
        old, transport = self.device, self.mmio.state()
        self.bench.forget_deadlines()
        self.device = self._build(self.bench.host)
        self.mmio = VirtioMmio(self.device, self.bench.line)
        self.mmio.load_state(transport)
        load(old, self.device)

    def _set_up(self, index: int, size: int) -> QueueDriver:
        self["QueueSel"] = index
        queue = QueueDriver(self.bench, index, min(size, self["QueueNumMax"]))
        self["QueueNum"] = queue.size
        for name, address in (
            ("QueueDesc", queue.table),
            ("QueueDriver", queue.available),
            ("QueueDevice", queue.used),
        ):
            self[f"{name}Low"], self[f"{name}High"] = address & 0xFFFF_FFFF, address >> 32
        self["QueueReady"] = 1
        return queue
