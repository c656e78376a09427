"""The virtio devices of a machine, made of what the command line says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from emu.devices.network.link import Link, Peer
from emu.devices.network.pcap import read_capture
from emu.devices.network.player import Player
from emu.devices.network.recorder import Recorder
from emu.devices.network.responder import Responder
from emu.devices.virtio.balloon import BalloonConfig
from emu.devices.virtio.block import BlockConfig, CacheType
from emu.devices.virtio.config import DeviceConfig
from emu.devices.virtio.disk import Disk, FileDisk, OverlayDisk
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.rng import RngConfig
from emu.devices.virtio.vsock import Endpoint, VsockConfig
from emu.devices.virtio.vsock.specs import parse_endpoint
from emu.errors import BoardError
from emu.snapshot.backings import Backings
from harness.actions.files import about
from harness.device_options import BalloonOption, DriveOption, NetOption, VsockOption


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOptions:
    """What the command line says of devices.

    Attributes:
        drives: disks.
        nets: network devices.
        vsock: the vsock; None without.
        has_rng: whether there is a source of random numbers.
        balloon: the balloon; None without.
        has_boot_timer: whether there is a boot timer.
    """

    drives: tuple[DriveOption, ...] = ()
    nets: tuple[NetOption, ...] = ()
    vsock: VsockOption | None = None
    has_rng: bool = False
    balloon: BalloonOption | None = None
    has_boot_timer: bool = False


@contextmanager
def device_configs(options: DeviceOptions) -> Iterator[list[DeviceConfig]]:
    """The devices; their files are open inside the context.

    Raises:
        BackingError: a file can't be used.
        BoardError: an option makes no sense.
        OSError: a file of frames can't be read or written.
    """
    with ExitStack() as stack:
        configs: list[DeviceConfig] = [_drive(drive, stack) for drive in options.drives]
        configs += [_net(net, stack) for net in options.nets]
        configs += _others(options)
        yield configs


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingOptions:
    """What the command line says of what stands behind the devices of a snapshot.

    Attributes:
        drives: disks, by the id of their device.
        nets: networks, likewise.
        endpoints: what listens on ports of the host, by vsock.
    """

    drives: tuple[DriveOption, ...] = ()
    nets: tuple[NetOption, ...] = ()
    endpoints: tuple[tuple[int, str], ...] = ()


@contextmanager
def backings(options: BackingOptions) -> Iterator[Backings]:
    """What stands behind the devices of a snapshot; its files are open inside the context.

    Raises:
        BackingError: a file can't be used.
        BoardError: an option makes no sense.
        OSError: a file of frames can't be read or written.
    """
    _check_chosen(options)
    with ExitStack() as stack:
        yield Backings(
            drives={drive.id: _disk(drive, stack) for drive in options.drives},
            links={net.id: _link(net, None, stack) for net in options.nets},
            endpoints=_endpoints(options.endpoints),
        )


def _check_chosen(options: BackingOptions) -> None:
    for drive in options.drives:
        if drive.is_root or drive.is_read_only or drive.is_unsafe:
            raise BoardError(
                f"--drive {drive.id}: `root`, `ro` and `unsafe` are what the snapshot says; give "
                "the file, and `write` or not"
            )
    for net in options.nets:
        if net.mac is not None or net.mtu is not None:
            raise BoardError(
                f"--net {net.id}: `mac` and `mtu` are what the snapshot says; give `ip`, "
                "`record` or `play`"
            )


def _others(options: DeviceOptions) -> Iterator[DeviceConfig]:
    if options.vsock is not None:
        yield VsockConfig(cid=options.vsock.cid, endpoints=_endpoints(options.vsock.endpoints))
    if options.has_rng:
        yield RngConfig()
    if options.balloon is not None:
        yield BalloonConfig(
            amount_mib=options.balloon.amount_mib,
            deflate_on_oom=options.balloon.deflate_on_oom,
            stats_polling_interval_s=options.balloon.stats_interval_s,
        )


def _drive(drive: DriveOption, stack: ExitStack) -> BlockConfig:
    return BlockConfig(
        id=drive.id,
        disk=_disk(drive, stack),
        path=str(drive.path),
        is_read_only=drive.is_read_only,
        is_root=drive.is_root,
        cache_type=CacheType.UNSAFE if drive.is_unsafe else CacheType.WRITEBACK,
    )


def _disk(drive: DriveOption, stack: ExitStack) -> Disk:
    file = FileDisk(drive.path, is_read_only=not drive.writes_through)
    stack.callback(file.close)
    return file if drive.writes_through or drive.is_read_only else OverlayDisk(file)


def _net(net: NetOption, stack: ExitStack) -> NetConfig:
    mac = None if net.mac is None else bytes.fromhex(net.mac.replace(":", ""))
    return NetConfig(id=net.id, link=_link(net, mac, stack), guest_mac=mac, mtu=net.mtu)


def _link(net: NetOption, guest_mac: bytes | None, stack: ExitStack) -> Link:
    peer = _peer(net, guest_mac)
    if net.record is not None:
        peer = Recorder(stack.enter_context(net.record.open("wb")), peer)
    return Link(peer)


def _endpoints(options: Iterable[tuple[int, str]]) -> dict[int, Endpoint]:
    return {port: parse_endpoint(text) for port, text in options}


def _peer(net: NetOption, guest_mac: bytes | None) -> Peer | None:
    if net.play is not None and net.ip is not None:
        raise BoardError(f"--net {net.id}: give either ip= or play=: one peer can answer")
    if net.play is not None:
        with about(net.play):
            return Player(read_capture(net.play.read_bytes()), guest_mac=guest_mac)
    if net.ip is None:
        return None
    try:
        return Responder(IPv4Address(net.ip))
    except AddressValueError:
        raise BoardError(
            f"--net {net.id}: {net.ip!r} is no IPv4 address; expected one like 172.16.0.1"
        ) from None
