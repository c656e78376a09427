"""The virtio devices under test: what their drivers ask of them, and what stands behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Final

from emu.arch.virtio import BALLOON, BLOCK, NET, RNG, VSOCK
from emu.arch.virtio_balloon import PAGE_FRAME_NUMBER, PAGE_SIZE_BYTES, STATISTIC
from emu.arch.virtio_block import HEADER as BLOCK_HEADER
from emu.arch.virtio_block import SECTOR_SIZE_BYTES, RequestType
from emu.arch.virtio_net import HEADER as NET_HEADER
from emu.arch.virtio_net import RX_QUEUE, TX_QUEUE
from emu.arch.vsock import EVENT_QUEUE, GUEST_CID_MIN, HOST_CID, Header, Operation
from emu.arch.vsock import RX_QUEUE as VSOCK_RX_QUEUE
from emu.arch.vsock import TX_QUEUE as VSOCK_TX_QUEUE
from emu.devices.host import Host
from emu.devices.network.link import Link
from emu.devices.virtio.balloon import Balloon, BalloonConfig, BalloonState
from emu.devices.virtio.block import BlockConfig, BlockState, CacheType
from emu.devices.virtio.config import DeviceConfig
from emu.devices.virtio.disk import MemoryDisk
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.rate_limiter import RateLimiterConfig, TokenBucketConfig
from emu.devices.virtio.rng import RngConfig
from emu.devices.virtio.vsock import VsockConfig
from harness.properties.devices.actions import Outside
from harness.properties.devices.virtio import QUEUE_SIZE, virtio
from harness.properties.devices.virtio_driver import Request, VirtioDriver
from harness.properties.devices.world import RAM_BASE, World

COMMON: Final = ("VERSION_1", "EVENT_IDX", "INDIRECT_DESC")
LATENCY_CYCLES: Final = 120

_LIMITED: Final = RateLimiterConfig(ops=TokenBucketConfig(size=2, refill_time_ms=200))
"""Blocks now and then, as a driver waits little."""


def late() -> World:
    """A world where devices look at a queue some time after they are notified."""
    return World(latency_cycles=LATENCY_CYCLES)


# --- entropy -------------------------------------------------------------------------------------


def _rng_request(random: Random) -> list[Request]:
    sizes = [random.randrange(0x100) for _ in range(random.randint(1, 3))]
    return [Request(0, [b"?"] if random.random() < 0.1 else [], sizes)]


_RNG_DRIVER: Final = VirtioDriver(
    features=RNG.mask(*COMMON), queue_sizes=[QUEUE_SIZE], request=_rng_request
)

# --- disks ---------------------------------------------------------------------------------------

_SECTORS: Final = 16


def _block_request(random: Random) -> list[Request]:
    """Of any type; some beyond the end, some without room for what they ask."""
    kind = random.choice([*RequestType, RequestType.IN, RequestType.OUT, RequestType.OUT, 99])
    sector = random.choice([random.randrange(_SECTORS), random.randrange(_SECTORS + 4)])
    header = BLOCK_HEADER.pack(kind, 0, sector)
    size = random.choice([0, SECTOR_SIZE_BYTES, SECTOR_SIZE_BYTES, 20, 7])
    if kind == RequestType.OUT:
        return [Request(0, [header, random.randbytes(size)], [1])]
    return [Request(0, [header], [size, 1])]


def _disk(world: World) -> MemoryDisk:
    return world.backend("disk", lambda: MemoryDisk(Random(0).randbytes(_SECTORS * 512 + 100)))


_BLOCK_DRIVER: Final = VirtioDriver(
    features=BLOCK.mask(*COMMON, "FLUSH", "RO"),
    queue_sizes=[QUEUE_SIZE],
    request=_block_request,
    config_size_bytes=8,
)


def _block(**choices: Any) -> Callable[[World], DeviceConfig]:
    return lambda world: BlockConfig(id="disk", disk=_disk(world), **choices)


# --- network -------------------------------------------------------------------------------------

_FRAME_SIZE_BYTES: Final = 60


class _Station:
    """The other end of the link: what it is sent is output, and it sends what it is told to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.send: Callable[[bytes], None] = lambda _frame: None

    def connect(self, _host: Host, send: Callable[[bytes], None]) -> None:
        self.send = send

    def receive(self, frame: bytes) -> None:
        for byte in frame:
            self._world.send(byte)


def _station(world: World) -> _Station:
    return world.backend("station", lambda: _Station(world))


def _net(world: World) -> NetConfig:
    link = world.backend("link", lambda: Link(_station(world)))
    return NetConfig(id="net", link=link, guest_mac=bytes(6))


def _net_request(random: Random) -> list[Request]:
    """A frame to send, or room for one; some with buffers of the wrong kind."""
    wrong = random.random() < 0.1
    if random.random() < 0.5:
        frame = random.randbytes(random.choice([_FRAME_SIZE_BYTES, 300, 3]))
        return [Request(TX_QUEUE, [bytes(NET_HEADER.size), frame], [4] if wrong else [])]
    return [Request(RX_QUEUE, [b"?"] if wrong else [], [random.choice([512, 40, 8])])]


def _frame_arrives(random: Random) -> Outside:
    return Outside("frame", random.randbytes(random.choice([_FRAME_SIZE_BYTES, 400])))


_NET_DRIVER: Final = VirtioDriver(
    features=NET.mask(*COMMON, "MAC", "MRG_RXBUF"),
    queue_sizes=[QUEUE_SIZE] * 2,
    request=_net_request,
    outside=_frame_arrives,
    config_size_bytes=6,
)


def _send_frame(world: World, _device: Any, frame: bytes) -> None:
    _station(world).send(frame)


# --- sockets -------------------------------------------------------------------------------------


def _vsock_request(random: Random) -> list[Request]:
    """A packet to a port where nobody is, with room for the answer, which comes at once.

    Connections, and answers that wait, are in no state: a snapshot ends them.
    """
    operation = random.choice([Operation.REQUEST, Operation.RW, Operation.SHUTDOWN])
    header = Header(GUEST_CID_MIN, HOST_CID, random.randrange(99), 7, operation=operation)
    packet = header.pack()[: random.choice([44, 44, 10])]
    room = Request(VSOCK_RX_QUEUE, [], [random.choice([64, 256])])
    return [room, Request(VSOCK_TX_QUEUE, [packet])]


_VSOCK_DRIVER: Final = VirtioDriver(
    features=VSOCK.mask(*COMMON),
    queue_sizes=[QUEUE_SIZE] * 3,
    request=_vsock_request,
    first=[Request(EVENT_QUEUE, [], [4])],
    config_size_bytes=8,
)

# --- balloon -------------------------------------------------------------------------------------

_PAGES: Final = [RAM_BASE // PAGE_SIZE_BYTES + page for page in range(24, 32)]
"""Those that the driver gives up: behind its queues."""


def _balloon_request(random: Random) -> list[Request]:
    queue = random.randrange(4)
    if queue == 2:
        return [Request(2, [STATISTIC.pack(random.randrange(12), random.getrandbits(64))])]
    if queue == 3:
        return [Request(3, [], [0x200])]
    pages = random.choices([*_PAGES, 5, 1 << 31], k=random.randrange(6))
    data = b"".join(map(PAGE_FRAME_NUMBER.pack, pages)) + random.choice([b"", b"", b"?"])
    return [Request(queue, [data])]


def _balloon_outside(random: Random) -> Outside:
    return Outside("target", random.randrange(8))


def _set_target(_world: World, device: Balloon, mib: int) -> None:
    if device.activated:
        device.set_target_mib(mib)


def _balloon_kept(fresh: BalloonState, before: BalloonState) -> BalloonState:
    """What the host wants."""
    sizes = replace(fresh.config_space, num_pages=before.config_space.num_pages)
    return replace(fresh, config_space=sizes)


_BALLOON_DRIVER: Final = VirtioDriver(
    features=BALLOON.mask(*COMMON, "STATS_VQ", "PAGE_REPORTING"),
    queue_sizes=[QUEUE_SIZE] * 4,
    request=_balloon_request,
    outside=_balloon_outside,
    config_size_bytes=8,
)
_BALLOON: Final = BalloonConfig(stats_polling_interval_s=1, free_page_reporting=True)

# --- all -----------------------------------------------------------------------------------------


def _limiter_kept(fresh: BlockState, before: BlockState) -> BlockState:
    return replace(fresh, rate_limiter_state=before.rate_limiter_state)


VIRTIO_DEVICES: Final = (
    virtio("virtio-rng", lambda _world: RngConfig(), _RNG_DRIVER),
    virtio("virtio-rng, late", lambda _world: RngConfig(), _RNG_DRIVER, world=late),
    virtio("virtio-block", _block(cache_type=CacheType.WRITEBACK), _BLOCK_DRIVER),
    virtio("virtio-block, read-only", _block(is_read_only=True), _BLOCK_DRIVER),
    virtio(
        "virtio-block, limited and late",
        _block(rate_limiter=_LIMITED),
        _BLOCK_DRIVER,
        world=late,
        kept=_limiter_kept,
    ),
    virtio("virtio-net", _net, _NET_DRIVER, outside={"frame": _send_frame}),
    virtio("virtio-vsock", lambda _world: VsockConfig(), _VSOCK_DRIVER),
    virtio(
        "virtio-balloon",
        lambda _world: _BALLOON,
        _BALLOON_DRIVER,
        outside={"target": _set_target},
        kept=_balloon_kept,
    ),
)
