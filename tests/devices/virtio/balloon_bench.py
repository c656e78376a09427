"""A balloon with a driver, its queues by what they are for."""

from __future__ import annotations

import struct

from emu.arch.virtio import Feature
from emu.arch.virtio_balloon import (
    HINT_COMMAND,
    PAGE_FRAME_NUMBER,
    PAGE_SIZE_BYTES,
    STATISTIC,
    BalloonFeature,
)
from emu.core.events import MemoryDiscarded
from emu.devices.virtio.balloon import Balloon, BalloonConfig
from emu.devices.virtio.config import Offer
from tests.devices.virtio.driver import CYCLES_PER_S, RAM_BASE, Bench, Driver, Part, QueueDriver

ALL_FEATURES = 1 << Feature.VERSION_1 | sum(1 << bit for bit in (1, 2, 3, 5))
EVERYTHING = BalloonConfig(
    stats_polling_interval_s=2, free_page_hinting=True, free_page_reporting=True
)
SECOND = CYCLES_PER_S
PAGE_FRAMES_OF_RAM = 256
FIRST_PAGE_FRAME = RAM_BASE // PAGE_SIZE_BYTES
GIVEN_UP = range(FIRST_PAGE_FRAME + 128, FIRST_PAGE_FRAME + PAGE_FRAMES_OF_RAM)
"""Page frames that no queue or buffer of a test is in."""


class BalloonBench(Driver[Balloon]):
    """A balloon that its driver has started, and RAM with something in every page."""

    def __init__(self, config: BalloonConfig = EVERYTHING, *, features: int = ALL_FEATURES) -> None:
        bench = Bench(ram_size_bytes=PAGE_FRAMES_OF_RAM * PAGE_SIZE_BYTES)
        super().__init__(bench, lambda host: config.build(host, Offer(features)))
        for page in GIVEN_UP:
            bench.ram.write(page * PAGE_SIZE_BYTES, content_of(page))
        self.start()

    def queue(self, role: str) -> QueueDriver:
        """inflate, deflate, statistics, hints or reports."""
        return self.queues[self.index(role)]

    def index(self, role: str) -> int:
        bits = {
            "statistics": BalloonFeature.STATS_VQ,
            "hints": BalloonFeature.FREE_PAGE_HINT,
            "reports": BalloonFeature.PAGE_REPORTING,
        }
        there = [name for name, bit in bits.items() if self.offered >> bit & 1]
        return ["inflate", "deflate", *there].index(role)

    def send(self, role: str, *contents: bytes | int | Part) -> int:
        """Make a chain available in a queue and notify: its head."""
        head = self.queue(role).offer(*contents)
        self.notify(self.index(role))
        return head

    def discarded(self) -> set[int]:
        """Page frames that hold nothing of what was in them."""
        return {
            page
            for page in GIVEN_UP
            if self.bench.ram.read(page * PAGE_SIZE_BYTES, PAGE_SIZE_BYTES)
            == bytes(PAGE_SIZE_BYTES)
        }

    def told_discarded(self) -> list[MemoryDiscarded]:
        return [event for event in self.bench.log if isinstance(event, MemoryDiscarded)]


def content_of(page: int) -> bytes:
    return struct.pack("<I", page) * (PAGE_SIZE_BYTES // 4)


def frames(*pages: int) -> bytes:
    """An array of page frame numbers."""
    return b"".join(PAGE_FRAME_NUMBER.pack(page) for page in pages)


def pages(first: int, count: int = 1) -> Part:
    """Pages as a buffer that can be written."""
    return Part(first * PAGE_SIZE_BYTES, count * PAGE_SIZE_BYTES, is_writable=True)


def statistics(*values: tuple[int, int]) -> bytes:
    """Entries of a buffer of statistics: tag and value."""
    return b"".join(STATISTIC.pack(*value) for value in values)


def command(number: int) -> bytes:
    """A command of the driver's in the hints' queue."""
    return HINT_COMMAND.pack(number)


def reload(old: Balloon, new: Balloon) -> None:
    """What a restore does to the device, before it is kicked."""
    new.load_state(old.state())
