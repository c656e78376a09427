"""A block device under test, and requests for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from hypothesis import strategies as st

from emu.arch.virtio import BLOCK
from emu.arch.virtio_block import HEADER, SECTOR_SIZE_BYTES, RequestStatus, RequestType
from emu.devices.host import Host
from emu.devices.virtio.block import Block, BlockConfig, CacheType
from emu.devices.virtio.config import Offer
from emu.devices.virtio.disk import Disk, MemoryDisk
from tests.devices.virtio.driver import Bench, Driver, Part, QueueDriver

OFFER = Offer(BLOCK.mask("VERSION_1", "EVENT_IDX", "INDIRECT_DESC", "FLUSH", "RO"))
SECTORS = 16


def pattern(sectors: int = SECTORS) -> bytes:
    """Contents of which no two sectors are alike."""
    return b"".join(bytes((n, n ^ 0x5A)) * (SECTOR_SIZE_BYTES // 2) for n in range(sectors))


def drive(disk: Disk | None = None) -> BlockConfig:
    """A drive that can be flushed; by default of a small disk of `pattern`."""
    return BlockConfig(
        id="rootfs", disk=disk or MemoryDisk(pattern()), cache_type=CacheType.WRITEBACK
    )


class Request(NamedTuple):
    """What a driver asks for.

    Attributes:
        type: which type of request.
        sector: where on the disk.
        data: what the device reads besides the header.
        size_bytes: how much the device may write besides the status.
    """

    type: int
    sector: int = 0
    data: bytes = b""
    size_bytes: int = 0

    @property
    def readable(self) -> bytes:
        """Everything that the device reads."""
        return HEADER.pack(self.type, 0, self.sector) + self.data

    @property
    def writable_size_bytes(self) -> int:
        """Everything that the device may write."""
        return self.size_bytes + 1


class Answer(NamedTuple):
    """What a device answered.

    Attributes:
        status: the status.
        data: what comes before it.
        written: how many bytes the used ring says were written.
    """

    status: int
    data: bytes
    written: int


def read_request(sector: int, sectors: int = 1) -> Request:
    """Read whole sectors."""
    return Request(RequestType.IN, sector, size_bytes=sectors * SECTOR_SIZE_BYTES)


def write_request(sector: int, data: bytes) -> Request:
    """Write whole sectors."""
    return Request(RequestType.OUT, sector, data)


class BlockBench:
    """A machine with a block device and its driver.

    Args:
        config: what its user chose.
        bench: the machine.
    """

    def __init__(self, config: BlockConfig | None = None, bench: Bench | None = None) -> None:
        self.config = config or drive()
        self.disk = self.config.disk
        self.bench = bench or Bench()
        self.driver = Driver(self.bench, self._build)

    def start(self, *, without: Sequence[int] = (), queue_size: int = 16) -> None:
        """Initialize the device."""
        self.driver.start(without=without, queue_size=queue_size)

    @property
    def queue(self) -> QueueDriver:
        """The only one."""
        return self.driver.queues[0]

    def offer(self, request: Request) -> int:
        """Make a request available as Linux does: header, data, status. Its head."""
        data: list[bytes | int] = [request.data] if request.data else []
        data += [request.size_bytes] if request.size_bytes else []
        return self.queue.offer(request.readable[: HEADER.size], *data, 1)

    def ask(self, request: Request) -> Answer:
        """Have a request carried out at once."""
        head = self.offer(request)
        self.driver.notify()
        (used,) = self.queue.take_used()
        assert used.head == head
        return self.answer(head, used.written)

    def answer(self, head: int, written: int) -> Answer:
        """What was answered to the request with this head."""
        *data, status = self.queue.content(head)
        return Answer(status, bytes(data), written)

    def thaw(self) -> None:
        """Go on with another device that has the state of this one."""
        self.driver.thaw(lambda old, new: new.load_state(old.state()))

    def _build(self, host: Host) -> Block:
        return self.config.build(host, OFFER)


class NaiveDisk:
    """What a disk is to answer, as the specification says, and no more."""

    def __init__(self, contents: bytes, name: bytes, *, is_read_only: bool = False) -> None:
        self.contents = bytearray(contents)
        self._name = name
        self._is_read_only = is_read_only

    def answer(self, request: Request) -> tuple[RequestStatus, bytes]:
        """The status, and what is written before it."""
        start = request.sector * SECTOR_SIZE_BYTES
        size = request.size_bytes if request.type == RequestType.IN else len(request.data)
        fits = size % SECTOR_SIZE_BYTES == 0 and start + size <= len(self.contents)
        match request.type:
            case RequestType.IN if fits:
                return RequestStatus.OK, bytes(self.contents[start : start + size])
            case RequestType.OUT if fits and not self._is_read_only:
                self.contents[start : start + size] = request.data
                return RequestStatus.OK, b""
            case RequestType.FLUSH:
                return RequestStatus.OK, b""
            case RequestType.GET_ID if request.size_bytes >= 20:
                return RequestStatus.OK, self._name.ljust(20, b"\0")
            case RequestType.IN | RequestType.OUT | RequestType.GET_ID:
                return RequestStatus.IOERR, b""
            case _:
                return RequestStatus.UNSUPP, b""


def _split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted({cut % len(data) for cut in cuts} - {0}), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def framed(queue: QueueDriver, request: Request, cuts: Sequence[int]) -> list[Part]:
    """The buffers of a request, cut at any places; the specification leaves that free (2.7.4)."""
    readable = [queue.part(piece) for piece in _split(request.readable, cuts)]
    room = bytes(request.writable_size_bytes)
    return readable + [queue.part(len(piece)) for piece in _split(room, cuts)]


sectors = st.integers(0, SECTORS + 1) | st.sampled_from([1 << 55, (1 << 64) - 1])
sizes = st.integers(0, 4).map(lambda n: n * SECTOR_SIZE_BYTES) | st.integers(0, 1100)
requests = st.one_of(
    st.builds(Request, st.just(int(RequestType.IN)), sectors, st.just(b""), sizes),
    st.builds(
        Request,
        st.just(int(RequestType.OUT)),
        sectors,
        st.tuples(sizes, st.integers(0, 255)).map(lambda drawn: bytes((drawn[1],)) * drawn[0]),
        st.just(0),
    ),
    st.builds(
        Request,
        st.sampled_from([int(kind) for kind in RequestType]) | st.integers(0, (1 << 32) - 1),
        sectors,
        st.just(b"") | st.binary(max_size=40),
        st.integers(0, 40),
    ),
)
"""Requests that a driver may make, good ones and bad ones."""
