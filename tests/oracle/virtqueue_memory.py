"""Guest memories with a virtqueue in them, good and hostile, and what a device does with one."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from emu.arch.virtqueue import DESCRIPTOR
from emu.core.ram import Ram
from emu.devices.virtio.virtqueue import QueueState
from harness.properties.devices.rings import Descriptor, Ring
from tests.oracle.definition import Json

BASE: Final = 0x8000_0000
SIZE_BYTES: Final = 0x4000
END: Final = BASE + SIZE_BYTES

_FAR: Final = (0, BASE - 16, END - 8, END, (1 << 64) - 16, (1 << 64) - 1)
_FLAGS: Final = (0, 1, 1, 1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 0xFFFF)


@dataclass(frozen=True, slots=True)
class Situation:
    """A queue in memory, and what its device does."""

    ram: bytes
    queue: QueueState
    event_idx: bool
    actions: list[Json]


def good(random: Random) -> Situation:
    """What a driver makes that keeps to the rules."""
    size = random.choice([1, 2, 4, 8, 16])
    start = random.choice([0, 65530, 65535, random.randrange(65536)])
    ram, ring, queue = _begin(random, size, start)
    while ring.free and random.random() < 0.8:
        count = random.randint(1, len(ring.free))
        readable = random.randint(0, count)
        pokes = ring.post(
            [random.randbytes(random.randrange(9)) for _ in range(readable)],
            [random.randrange(9) for _ in range(count - readable)],
            indirect=random.random() < 0.4,
        )
        for address, data in pokes:
            ram.write(address, data)
    return Situation(ram.contents(), queue, random.random() < 0.5, _actions(random, size))


def hostile(random: Random) -> Situation:
    """Descriptors and indexes of any kind."""
    size = random.choice([1, 2, 4, 8, 16])
    start = random.choice([0, 65535, random.randrange(65536)])
    ram, ring, queue = _begin(random, size, start)
    inner = BASE + 0x3000
    for table, count in ((ring.descriptors, size), (inner, 32)):
        for index in range(count):
            ram.write(table + 16 * index, DESCRIPTOR.pack(*_descriptor(random, size, inner)))
    for slot in range(size):
        head = random.choice([random.randrange(size), random.randrange(size + 2)])
        ram.write(ring.available + 4 + 2 * slot, head.to_bytes(2, "little"))
    ahead = random.choice([random.randrange(size + 1), size, size + 1, random.randrange(65536)])
    ram.write(ring.available + 2, (start + ahead & 0xFFFF).to_bytes(2, "little"))
    return Situation(ram.contents(), queue, random.random() < 0.5, _actions(random, size))


def _begin(random: Random, size: int, start: int) -> tuple[Ram, Ring, QueueState]:
    ram = Ram(BASE, SIZE_BYTES)
    ring = Ring(ram, BASE, size, start, start)
    for address in (ring.available + 2, ring.used + 2):
        ram.write(address, start.to_bytes(2, "little"))
    asked = start + random.randrange(-3, 2 * size) & 0xFFFF
    ram.write(ring.used_event, asked.to_bytes(2, "little"))
    queue = QueueState(
        max_size=16,
        size=size,
        ready=True,
        desc_table=ring.descriptors,
        avail_ring=ring.available,
        used_ring=ring.used,
        next_avail=start,
        next_used=start,
    )
    return ram, ring, queue


def _descriptor(random: Random, size: int, inner: int) -> Descriptor:
    flags = random.choice(_FLAGS)
    table = inner + 16 * random.randrange(8)
    address = random.choice([table, table, table + 3, random.choice(_FAR)])
    length = random.choice([16 * random.randrange(2 * size), random.randrange(1 << 32)])
    return Descriptor(address, length, flags, random.choice([random.randrange(size), size + 3]))


def _actions(random: Random, size: int) -> list[Json]:
    kinds: list[Json] = ["pop", "pop", "pop", "undo_pop", "arm", "needs_notification"]
    return [
        random.choice([*kinds, {"add_used": [random.randrange(size), random.randrange(1 << 32)]}])
        for _ in range(40)
    ]
