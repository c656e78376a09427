"""Virtio block device: a disk.

Sources: Virtual I/O Device (VIRTIO) version 1.2, OASIS, 5.2; Firecracker v1.9.0 to v1.16.1,
`src/vmm/src/devices/virtio/block/virtio/{device,request,persist}.rs`, for what it saves, what it
offers and how it is limited. As there:

* Requests are IN, OUT, FLUSH and GET_ID; others are answered with UNSUPP.
* A disk has whole sectors; what its file has beyond them the guest does not see.
* FLUSH is offered with `CacheType.WRITEBACK` alone. A request to flush is carried out in any case.
* A request that the rate limiter does not grant stays available, and those behind it. Bytes count
  for IN and OUT; a request that is refused before it is carried out does not count.

Where it differs, because the specification asks for it: header, data and status may be split over
buffers in any way (2.7.4); a bad request is answered with IOERR wherever there is a byte for its
status; the used length counts what was written from the first byte on; and the configuration
space can't be written. Where it differs, because runs are to be the same everywhere: the device's
id is the drive's, and not made of the numbers of a file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from emu.arch.virtio import BLOCK, DeviceType
from emu.arch.virtio_block import (
    CAPACITY,
    HEADER,
    ID_SIZE_BYTES,
    SECTOR_SIZE_BYTES,
    RequestStatus,
    RequestType,
)
from emu.core.events import BackingFailed
from emu.devices.host import Host
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.config import Offer
from emu.devices.virtio.device import VirtioDevice, VirtioState
from emu.devices.virtio.disk import Disk
from emu.devices.virtio.rate_limiter import (
    UNLIMITED,
    RateLimiter,
    RateLimiterConfig,
    RateLimiterState,
)
from emu.errors import BackingError, BoardError, DriverError, IncompatibleError

_FLUSH: Final = BLOCK.mask("FLUSH")
_READ_ONLY: Final = BLOCK.mask("RO")


class CacheType(Enum):
    """What becomes of what the guest writes; values are Firecracker's names."""

    UNSAFE = "Unsafe"
    """The guest can't ask for it to outlast a loss of power."""

    WRITEBACK = "Writeback"
    """The guest can: FLUSH is offered, and syncs the file."""


class FileEngine(Enum):
    """How Firecracker accesses a disk's file; values are its names. Here it makes no difference."""

    SYNC = "Sync"
    ASYNC = "Async"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockConfig:
    """What a user chooses of a block device.

    Attributes:
        id: what tells it from others.
        disk: what stands behind it.
        path: what a state file names as its file; by default that of the disk.
        is_read_only: whether the guest can't write to it.
        is_root: whether the kernel is to mount it as its root.
        partuuid: the unique id of the partition that it is to mount; None for the whole disk.
        cache_type: what becomes of what the guest writes.
        rate_limiter: how much it can do in which time.
        file_engine: carried for Firecracker's state files.
    """

    id: str
    disk: Disk
    path: str = ""
    is_read_only: bool = False
    is_root: bool = False
    partuuid: str | None = None
    cache_type: CacheType = CacheType.UNSAFE
    rate_limiter: RateLimiterConfig = UNLIMITED
    file_engine: FileEngine = FileEngine.SYNC

    @property
    def type(self) -> DeviceType:
        """A block device."""
        return BLOCK

    def build(self, host: Host, offer: Offer) -> Block:
        """The device.

        Raises:
            BackingError: the guest is to write to a disk that is read-only.
            BoardError: the monitor can't offer what was chosen.
        """
        return Block(self, host, offer)


@dataclass(slots=True, kw_only=True)
class BlockState:
    """All of a block device's state. Its disk's contents are not a part of it.

    Attributes:
        id: what tells it from others.
        partuuid: see `BlockConfig`.
        cache_type: see `BlockConfig`.
        root_device: whether the kernel is to mount it as its root.
        disk_path: the file behind it.
        virtio: what all devices have.
        rate_limiter_state: the limiter's state.
        file_engine_type: how Firecracker accesses the file.
    """

    id: str
    partuuid: str | None = None
    cache_type: CacheType = CacheType.UNSAFE
    root_device: bool = False
    disk_path: str = ""
    virtio: VirtioState
    rate_limiter_state: RateLimiterState
    file_engine_type: FileEngine = FileEngine.SYNC


class _Request(NamedTuple):
    """A request whose place and size are good.

    Attributes:
        type: which, of 32 bits.
        offset: the first byte on the disk.
        size_bytes: how many bytes are read or written there.
    """

    type: int
    offset: int
    size_bytes: int

    @property
    def limited_bytes(self) -> int | None:
        """How many bytes count for the rate limiter; None if they don't."""
        return self.size_bytes if self.type in (RequestType.IN, RequestType.OUT) else None


class Block(VirtioDevice):
    """A block device.

    Args:
        config: what its user chose.
        host: the machine.
        offer: what the monitor can offer.

    Raises:
        BackingError: the guest is to write to a disk that is read-only.
        BoardError: the monitor can't offer what was chosen.
    """

    type = BLOCK

    def __init__(self, config: BlockConfig, host: Host, offer: Offer) -> None:
        features = _features(config, offer)
        super().__init__(config.id, host, features=features, queue_sizes=[offer.queue_size])
        self._config = config
        self._disk = config.disk
        self._limiter = RateLimiter(host, config.rate_limiter, self.kick)
        self._check_writable(config.disk, features)

    @property
    def is_read_only(self) -> bool:
        """Whether the guest was told that it can't write to it."""
        return bool(self.avail_features & _READ_ONLY)

    @property
    def config_space(self) -> bytes:
        """The number of sectors."""
        return CAPACITY.pack(self._sectors)

    def process(self, queue: int) -> None:
        """Carry out the requests that the rate limiter grants."""
        if not self._limiter.is_blocked:
            self.drain(queue, self._handle)

    def replace_disk(self, disk: Disk, path: str = "") -> None:
        """Put another disk behind the device, and tell the driver that its size may be another.

        Args:
            disk: the other disk.
            path: what a state file names as its file; by default that of the disk.

        Raises:
            BackingError: the guest may write to it, and it is read-only.
        """
        self._check_writable(disk, self.avail_features)
        self._disk, self._config = disk, replace(self._config, disk=disk, path=path)
        self.connection.notify_configuration()

    def state(self) -> BlockState:
        """A copy of the device's state."""
        config = self._config
        return BlockState(
            id=self.name,
            partuuid=config.partuuid,
            cache_type=config.cache_type,
            root_device=config.is_root,
            disk_path=config.path or self._disk.path,
            virtio=self.virtio_state(),
            rate_limiter_state=self._limiter.state(),
            file_engine_type=config.file_engine,
        )

    def load_state(self, state: BlockState) -> None:
        """Become `state`, over the disk that the device has. What was chosen of the device becomes
        what it was chosen there.

        Raises:
            IncompatibleError: `state` is that of another drive, or none that a device can have.
            BackingError: the guest may write to it, and the disk is read-only.
        """
        if state.id != self.name:
            raise IncompatibleError(f"state of the drive {state.id}, and this is {self.name}")
        state.rate_limiter_state.check(f"state of the device {self.name}, rate limiter")
        self._check_writable(self._disk, state.virtio.avail_features)
        self.load_virtio_state(state.virtio)
        self._limiter.load_state(state.rate_limiter_state)
        self._config = replace(
            self._config,
            path=state.disk_path,
            is_read_only=self.is_read_only,
            is_root=state.root_device,
            partuuid=state.partuuid,
            cache_type=state.cache_type,
            file_engine=state.file_engine_type,
        )

    # --- inside ------------------------------------------------------------------------------

    @property
    def _sectors(self) -> int:
        return self._disk.size_bytes // SECTOR_SIZE_BYTES

    def _check_writable(self, disk: Disk, features: int) -> None:
        if disk.is_read_only and not features & _READ_ONLY:
            raise BackingError(
                f"the guest may write to the drive {self.name}, and {disk} is read-only; "
                "open it for writing, put an overlay over it, or make the drive read-only"
            )

    def _handle(self, chain: Chain) -> int | None:
        """Deal with one request: how many bytes were written to it; None if it has to wait."""
        status_offset = chain.writable_size_bytes - 1
        if status_offset < 0:
            raise DriverError(f"the request with head {chain.head} has no byte for its status")
        status, written = RequestStatus.IOERR, 0
        try:
            request = self._parse(chain)
            if not self._limiter.consume(request.limited_bytes):
                return None
            status, written = self._carry_out(request, chain)
        except DriverError as error:
            self.tell_violation(f"the request with head {chain.head} is refused: {error}")
        except BackingError as error:
            if self.host.events.active:
                self.host.events.emit(BackingFailed(self.name, str(error)))
        chain.write(bytes((status,)), status_offset)
        return written + 1 if written == status_offset else written

    def _parse(self, chain: Chain) -> _Request:
        header = chain.read(HEADER.size)
        if len(header) < HEADER.size:
            raise DriverError(f"its header has {len(header)} bytes; expected {HEADER.size}")
        kind, _, sector = HEADER.unpack(header)
        match kind:
            case RequestType.IN:
                size = chain.writable_size_bytes - 1
            case RequestType.OUT:
                size = chain.readable_size_bytes - HEADER.size
            case _:
                return _Request(kind, 0, 0)
        if size % SECTOR_SIZE_BYTES or sector + size // SECTOR_SIZE_BYTES > self._sectors:
            raise DriverError(
                f"it is of {size} bytes from sector {sector} on; expected whole sectors of "
                f"{SECTOR_SIZE_BYTES} bytes out of the {self._sectors} that the disk has"
            )
        return _Request(kind, sector * SECTOR_SIZE_BYTES, size)

    def _carry_out(self, request: _Request, chain: Chain) -> tuple[RequestStatus, int]:
        """The status, and how many bytes of data were written."""
        match request.type:
            case RequestType.IN:
                data = self._disk.read(request.offset, request.size_bytes)
                return RequestStatus.OK, chain.write(data)
            case RequestType.OUT:
                if self.is_read_only:
                    raise DriverError("it writes, and the device is read-only")
                self._disk.write(request.offset, chain.read(request.size_bytes, HEADER.size))
                return RequestStatus.OK, 0
            case RequestType.FLUSH:
                self._disk.flush()
                return RequestStatus.OK, 0
            case RequestType.GET_ID:
                return RequestStatus.OK, self._write_id(chain)
            case kind:
                self.tell_violation(f"the request with head {chain.head} is of unknown type {kind}")
                return RequestStatus.UNSUPP, 0

    def _write_id(self, chain: Chain) -> int:
        if chain.writable_size_bytes <= ID_SIZE_BYTES:
            raise DriverError(
                f"it asks for the id with {chain.writable_size_bytes} bytes to write; expected "
                f"{ID_SIZE_BYTES} and the status"
            )
        name = self.name.encode("ascii", "replace")[:ID_SIZE_BYTES]
        return chain.write(name.ljust(ID_SIZE_BYTES, b"\0"))


def _features(config: BlockConfig, offer: Offer) -> int:
    """What a device offers: of what the monitor can, what its user's choices call for."""
    wanted = _READ_ONLY if config.is_read_only else 0
    wanted |= _FLUSH if config.cache_type is CacheType.WRITEBACK else 0
    if missing := wanted & ~offer.features:
        names = " and ".join(BLOCK.feature_names(missing))
        raise BoardError(f"the drive {config.id} needs {names}, which this monitor does not offer")
    return offer.features & ~(_READ_ONLY | _FLUSH) | wanted
