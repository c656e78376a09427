"""What a request to a block device costs: `python -m tests.bench.block`.

A driver reads one place after the other, request by request, and the device answers inside the
notification; there is no guest. Timed in CPU time of this process, driver included, the median of
some rounds. Beside it the disk alone, which reads the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

from rich.console import Console
from rich.table import Table

from emu.arch.virtio import BLOCK
from emu.arch.virtio_block import HEADER, SECTOR_SIZE_BYTES, RequestType
from emu.devices.virtio.block import Block, BlockConfig
from emu.devices.virtio.config import Offer
from emu.devices.virtio.disk import Disk, FileDisk, MemoryDisk, OverlayDisk
from tests.devices.virtio.driver import Bench, Driver, Part

DISK_BYTES = 4 << 20
REQUEST_BYTES = (512, 4 << 10, 64 << 10, 256 << 10)
OFFER = Offer(BLOCK.mask("VERSION_1", "EVENT_IDX", "FLUSH", "RO"))
DISKS: dict[str, Callable[[FileDisk], Disk]] = {
    "memory": lambda file: MemoryDisk(file.read(0, DISK_BYTES)),
    "file": lambda file: file,
    "overlay over a file": OverlayDisk,
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: of each row.
        requests: in a round.
    """

    rounds: int = 15
    requests: int = 500


class Reader:
    """A driver that reads a disk, from its beginning to its end and again.

    Args:
        disk: the disk.
        size_bytes: of each request.
    """

    def __init__(self, disk: Disk, size_bytes: int) -> None:
        self.disk = disk
        self.size_bytes = size_bytes
        bench = Bench(listens=False)
        config = BlockConfig(id="drive", disk=disk)
        self._driver: Driver[Block] = Driver(bench, lambda host: config.build(host, OFFER))
        self._driver.start()
        self.queue = self._driver.queues[0]
        self._header = bench.allocate(HEADER.size)
        self._parts = (
            Part(self._header, HEADER.size, is_writable=False),
            Part(bench.allocate(size_bytes), size_bytes, is_writable=True),
            Part(bench.allocate(1), 1, is_writable=True),
        )
        self._ram = bench.ram
        self._place = 0

    def read(self, requests: int) -> int:
        """Read so many places through the device; how many were answered."""
        answered = 0
        for _ in range(requests):
            sector = self._next_place() // SECTOR_SIZE_BYTES
            self._ram.write(self._header, HEADER.pack(RequestType.IN, 0, sector))
            self.queue.offer(*self._parts)
            self._driver.notify()
            answered += len(self.queue.take_used())
        return answered

    def read_alone(self, requests: int) -> int:
        """Read so many places without the device; how many there were."""
        return sum(
            len(self.disk.read(self._next_place(), self.size_bytes)) == self.size_bytes
            for _ in range(requests)
        )

    def _next_place(self) -> int:
        place, self._place = self._place, (self._place + self.size_bytes) % DISK_BYTES
        return place


@contextmanager
def a_file() -> Iterator[FileDisk]:
    """A file of `DISK_BYTES`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "disk.img"
        path.write_bytes(bytes(range(256)) * (DISK_BYTES // 256))
        with closing(FileDisk(path)) as disk:
            yield disk


def table(size: Size) -> Table:
    """Each disk, with requests of each size."""
    found = Table("disk", "bytes", "µs a request", "of it the disk's", "MB/s", box=None)
    with a_file() as file:
        for name, make in DISKS.items():
            for size_bytes in REQUEST_BYTES:
                reader = Reader(make(file), size_bytes)
                whole_us, alone_us = (
                    _time_us(read, size) for read in (reader.read, reader.read_alone)
                )
                cells = (f"{whole_us:.1f}", f"{alone_us:.1f}", f"{size_bytes / whole_us:.0f}")
                found.add_row(name, str(size_bytes), *cells)
    return found


def _time_us(read: Callable[[int], int], size: Size) -> float:
    """Microseconds of CPU time for one request."""
    times_s = []
    for _ in range(size.rounds):
        begin = process_time()
        read(size.requests)
        times_s.append(process_time() - begin)
    return median(times_s) / size.requests * 1e6


def main() -> None:
    """Print the table."""
    Console(highlight=False, width=100).print(table(Size()))


if __name__ == "__main__":
    main()
