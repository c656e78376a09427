"""A guest that means harm: any access to a device's window, and any memory where its rings are."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

from emu.arch.virtio_mmio import VIRTIO_MMIO
from emu.arch.virtqueue import DESCRIPTOR
from harness.properties.devices.actions import Action, Load, Store, Wait
from harness.properties.devices.rings import Descriptor, Poke, Ring
from harness.properties.devices.subject import DeviceUnderTest
from harness.properties.devices.virtio_driver import RING_STRIDE_BYTES
from harness.properties.devices.world import RAM_BASE, RAM_SIZE_BYTES, World

_RINGS: Final = RAM_SIZE_BYTES // RING_STRIDE_BYTES
_EDGES: Final = (0, RAM_BASE - 2, RAM_BASE + RAM_SIZE_BYTES - 2, (1 << 64) - 1)


def hostile(dut: DeviceUnderTest, random: Random, world: World) -> Iterator[Action]:
    """What it does, without end. Now and then it does what a good driver does, from the beginning,
    so that the device works until it goes on.
    """
    while True:
        good = dut.drive(random, world)
        for _ in range(random.randrange(60, 100)):
            yield next(good)
        for _ in range(random.randrange(20)):
            yield next(good)
            yield from _harm(dut, random, world)


def _harm(dut: DeviceUnderTest, random: Random, world: World) -> Iterator[Action]:
    size = random.choice([1, 2, 4, 4, 4, 8])
    anywhere = random.randrange(dut.window_size_bytes - 8)
    offset = random.choice([*random.choices(dut.offsets, k=4), anywhere])
    value = random.choice([random.randrange(4), random.randrange(0x200), random.getrandbits(64)])
    match random.randrange(6):
        case 0:
            yield Load(offset, size)
        case 1 | 2:
            yield Store(offset, value, size)
        case 3:
            yield Wait(random.choice([1, 1000, 1_000_000]))
        case _:
            queue = random.choice([0, 0, 1, random.randrange(_RINGS)])
            yield from _request(random, Ring(world.ram, RAM_BASE + RING_STRIDE_BYTES * queue))
            yield Store(VIRTIO_MMIO["QueueNotify"], queue)


def _request(random: Random, ring: Ring) -> Iterator[Poke]:
    """Descriptors of any kind, and one or more chains that begin with some of them."""
    for index in range(4):
        yield Poke(ring.descriptors + 16 * index, _descriptor(random, ring))
    index = int.from_bytes(ring.memory.read(ring.available + 2, 2), "little")
    head = random.choice([0, 0, 1, 2, 3, random.randrange(18)])
    for slot in (index, index + 1):
        yield Poke(ring.available + 4 + 2 * (slot % ring.size), head.to_bytes(2, "little"))
    ahead = random.choice([1, 1, 1, 2, 17, random.getrandbits(16)])
    yield Poke(ring.available + 2, (index + ahead & 0xFFFF).to_bytes(2, "little"))
    if random.random() < 0.1:
        place = random.choice([ring.descriptors, ring.available, ring.used])
        yield Poke(place + random.randrange(0, 0x40, 2), random.randbytes(random.randint(1, 64)))


def _descriptor(random: Random, ring: Ring) -> bytes:
    buffer = ring.buffer(random.randrange(16))
    rings = (ring.descriptors, ring.available, ring.used)
    address = random.choice([buffer, buffer, random.choice(rings), random.choice(_EDGES)])
    size = random.choice([0, 1, 16, 32, 44, 512, 0x1_0000, 0xFFFF_FFFF])
    flags = random.choice([0, 1, 1, 2, 3, 3, 4, 5, 6, 7])
    return DESCRIPTOR.pack(*Descriptor(address, size, flags, random.choice([1, 2, 3, 3, 0, 17])))
