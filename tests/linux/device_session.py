"""A session that uses every virtio device: its root file system is on a disk, it pings a peer, its
programs talk to the host over vsock, it draws random numbers, and its balloon is blown up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import md5
from ipaddress import IPv4Address
from pathlib import Path

from emu.devices.network.link import Link
from emu.devices.network.responder import Responder
from emu.devices.virtio.balloon import Balloon, BalloonConfig, BalloonStats
from emu.devices.virtio.block import BlockConfig, CacheType
from emu.devices.virtio.config import DeviceConfig
from emu.devices.virtio.disk import Disk, MemoryDisk
from emu.devices.virtio.net import NetConfig
from emu.devices.virtio.rng import RngConfig
from emu.devices.virtio.vsock import Collect, Echo, Endpoint, Vsock, VsockConfig
from emu.machine import Machine
from tests.linux import entries, initramfs
from tests.linux.ext4 import E2fsprogs
from tests.linux.session import QUIET, Session, complaints

GREETING = b"put there by the host\n"
WRITTEN = "written by the guest"
WRITTEN_PATH = "/written"
DATA_DISK = bytes(range(256)) * 64
PIECE_BLOCKS, BLOCK_BYTES = 73, 4096
PIECE_BYTES = PIECE_BLOCKS * BLOCK_BYTES
"""More than the buffers of a vsock at either end: who sends so much has to wait for credit."""
GUEST_MAC = bytes.fromhex("0600ac100002")
BALLOON_MIB = 64
FROM_HOST = bytes(range(251)) * 1000
"""What the host sends to a program that listens in the guest; its length is no power of two."""

CONNECT, INFLATE, DEFLATE, RESET = "host connects", "inflate", "deflate", "transport reset"
"""The steps before which the host does something."""
PEER_IP = IPv4Address("172.16.0.1")

_IMAGE_MIB = 32
_ROOT_DRIVE, _DATA_DRIVE, _NET = "rootfs", "data", "eth0"
_GUEST_IP = IPv4Address("172.16.0.2")
_HOST_CID, _ECHO_PORT, _COLLECT_PORT, _GUEST_PORT = 2, 1024, 1025, 2000

_MEMORY = "grep -E 'MemTotal|MemFree' /proc/meminfo"
PIECE = f"dd if=/bin/busybox bs={BLOCK_BYTES} count={PIECE_BLOCKS} 2>/dev/null"
ECHO = f"vsock connect {_HOST_CID} {_ECHO_PORT}"
_HW_RANDOM = "/sys/class/misc/hw_random/rng_current"
_PING = f"ping -c 3 -i 0.1 {PEER_IP}"

LINES = {
    **QUIET,
    "root": "mount | grep ' / '",
    "greeting": "cat /greeting",
    "write": f"echo {WRITTEN} > {WRITTEN_PATH}; sync",
    "copy": f"{PIECE} > /copy; sync; echo 3 > /proc/sys/vm/drop_caches; md5sum < /copy",
    "data disk": "cd /sys/block/vdb; cat ro size serial; echo; cd /; md5sum < /dev/vdb",
    "read-only": "echo x > /dev/vdb",
    "mac": "cat /sys/class/net/eth0/address",
    "address": f"ip addr add {_GUEST_IP}/24 dev eth0; ip link set eth0 up",
    "ping": _PING,
    "large ping": f"{_PING} -s 1400",
    "vsock": f"echo from the guest | vsock connect {_HOST_CID} {_COLLECT_PORT}",
    "echo": f"{PIECE} | {ECHO} | md5sum",
    "refused": f"vsock connect {_HOST_CID} 9 < /dev/null; echo $?",
    "listen": f"({PIECE} | vsock listen {_GUEST_PORT} > /heard &); sleep 0.1",
    CONNECT: "sleep 0.1; md5sum < /heard",
    "open": f"(sleep 1 | {ECHO} > /broken 2>&1 &); sleep 0.1",
    RESET: f"sleep 0.1; cat /broken; echo again | {ECHO}",
    "rng": f"cat {_HW_RANDOM}; head -c 16 /dev/hwrng | hexdump -v -e '/1 \"%02x\"'",
    "memory": _MEMORY,
    INFLATE: f"sleep 2; {_MEMORY}",
    DEFLATE: f"sleep 1; {_MEMORY}",
    "all at once": (
        f"({PIECE} > /second; sync; md5sum < /second > /digest) & {_PING} > /pinged & "
        f"{PIECE} | {ECHO} | md5sum; wait; grep received /pinged; cat /digest"
    ),
    "interrupts": "cat /proc/interrupts",
    **complaints(),
    "read-only root": "sync; mount -o remount,ro /; mount | grep ' / '",
    "poweroff": "poweroff -f",
}  # fmt: skip


def make_root(tools: E2fsprogs, image: Path, busybox: bytes, programs: Mapping[str, bytes]) -> None:
    """Make the image of the root file system, in which the session is held."""
    files = initramfs.session_files(busybox, programs)
    tools.make(image, [*files, entries.file("greeting", GREETING)], _IMAGE_MIB)


def device_session(busybox: bytes, modules: bytes, disk: Disk, *, names_root: bool) -> Session:
    """The session.

    Args:
        busybox: a static busybox.
        modules: the archive of the kernel's virtio modules.
        disk: has the root file system.
        names_root: whether the board adds the root drive to the command line.
    """
    host = HostSide(disk)
    return Session(
        initrd=initramfs.for_disk(busybox, modules),
        lines=LINES,
        deeds={
            CONNECT: host.connect,
            RESET: host.reset_transport,
            INFLATE: host.inflate,
            DEFLATE: host.deflate,
        },
        devices=host.devices(),
        words=() if names_root else ("root=/dev/vda", "rw"),
        found=host.found,
    )


class HostSide:
    """What is at the other ends of the devices, and what is seen there."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._from_guest = Collect()
        self._from_listener = Collect()
        self._inflated_mib = 0
        self._statistics = BalloonStats()

    def drives(self) -> dict[str, Disk]:
        """The disks, by the id of their drive."""
        return {_ROOT_DRIVE: self._disk, _DATA_DRIVE: MemoryDisk(DATA_DISK)}

    def links(self) -> dict[str, Link]:
        """What the network devices are on, by their id."""
        return {_NET: Link(Responder(PEER_IP))}

    def endpoints(self) -> dict[int, Endpoint]:
        """Who listens for the guest, by port."""
        return {_ECHO_PORT: Echo(), _COLLECT_PORT: self._from_guest}

    def devices(self) -> list[DeviceConfig]:
        """What the machine has."""
        drives = self.drives()
        return [
            BlockConfig(
                id=_ROOT_DRIVE,
                disk=drives[_ROOT_DRIVE],
                path="root.img",  # wherever it is: two runs have the same state
                is_root=True,
                cache_type=CacheType.WRITEBACK,
            ),
            BlockConfig(id=_DATA_DRIVE, disk=drives[_DATA_DRIVE], is_read_only=True),
            NetConfig(id=_NET, link=self.links()[_NET], guest_mac=GUEST_MAC),
            VsockConfig(endpoints=self.endpoints()),
            RngConfig(),
            BalloonConfig(stats_polling_interval_s=1),
        ]

    def connect(self, machine: Machine) -> None:
        """To the program that listens."""
        stream = vsock_of(machine).open_stream(_GUEST_PORT, self._from_listener)
        stream.send(FROM_HOST)

    def reset_transport(self, machine: Machine) -> None:
        """As after a restore."""
        vsock_of(machine).send_transport_reset()

    def inflate(self, machine: Machine) -> None:
        """Ask for memory."""
        _balloon(machine).set_target_mib(BALLOON_MIB)

    def deflate(self, machine: Machine) -> None:
        """See what there is of it, and give it back."""
        balloon = _balloon(machine)
        self._inflated_mib, self._statistics = balloon.actual_mib, balloon.latest_stats
        balloon.set_target_mib(0)

    def found(self, machine: Machine) -> dict[str, object]:
        """What was seen."""
        return {
            "from guest": self._from_guest.data.decode(),
            "from listener": md5(self._from_listener.data).hexdigest(),
            "inflated mib": self._inflated_mib,
            "statistics": asdict(self._statistics),
            "deflated mib": _balloon(machine).actual_mib,
        }


def vsock_of(machine: Machine) -> Vsock:
    """The machine's vsock."""
    device = machine.virtio["vsock"].device
    assert isinstance(device, Vsock)
    return device


def _balloon(machine: Machine) -> Balloon:
    device = machine.virtio["balloon"].device
    assert isinstance(device, Balloon)
    return device
