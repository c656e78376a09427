"""A session in the middle of which the machine is frozen, and another one goes on where it was.

It has a file copied to its disk, pings a peer, and talks to the host over vsock when it is frozen.
A program waits for a connection from the host, and one has a connection on which nothing is sent.
"""

from __future__ import annotations

from tests.linux import initramfs
from tests.linux.device_session import (
    CONNECT,
    DEFLATE,
    ECHO,
    INFLATE,
    LINES,
    PEER_IP,
    PIECE,
    HostSide,
)
from tests.linux.session import QUIET, Session, complaints
from tests.linux.system_session import COUNT_RESEEDED

FROZEN = "frozen"
"""The step in the middle of which the machine is frozen."""
PINGS = 60
PREFETCHED_BYTES = 1024
"""More than drivers have ready of random numbers that they got before."""

_MANY_PINGS = f"ping -c {PINGS} -i 0.005 {PEER_IP}"
"""As long as the rest takes."""

_BEFORE = {
    **QUIET,
    "seeded": "head -c 1 /dev/random | wc -c",
    "address": LINES["address"],
    "listen": LINES["listen"],
    "open": f"(sleep 2 | {ECHO} > /broken 2>&1 &); sleep 0.1",
    "memory": LINES["memory"],
    FROZEN: (
        f"({PIECE} > /second; sync; md5sum < /second > /digest) & {_MANY_PINGS} > /pinged & "
        f"cat /bin/busybox | {ECHO} | wc -c; wait; grep received /pinged; cat /digest"
    ),
}

_AFTER = {
    "broken": "cat /broken",
    "copy": "echo 3 > /proc/sys/vm/drop_caches; md5sum < /second",
    "ping": LINES["ping"],
    "echo": LINES["echo"],
    CONNECT: LINES[CONNECT],
    "generation": COUNT_RESEEDED,
    "rng": (
        f"head -c {PREFETCHED_BYTES} /dev/hwrng > /dev/null; "
        "head -c 16 /dev/hwrng | hexdump -v -e '/1 \"%02x\"'"
    ),
    INFLATE: LINES[INFLATE],
    DEFLATE: LINES[DEFLATE],
    "interrupts": LINES["interrupts"],
    **complaints(),
    "read-only root": LINES["read-only root"],
    "poweroff": LINES["poweroff"],
}


def until_frozen(busybox: bytes, modules: bytes, host: HostSide) -> Session:
    """The session up to the step in which the machine is frozen."""
    return Session(
        initrd=initramfs.for_disk(busybox, modules),
        lines=_BEFORE,
        devices=host.devices(),
        words=("root=/dev/vda", "rw"),
    )


def when_thawed(host: HostSide) -> Session:
    """The session from there on."""
    return Session(
        initrd=b"",
        lines=_AFTER,
        deeds={CONNECT: host.connect, INFLATE: host.inflate, DEFLATE: host.deflate},
        found=host.found,
    )
