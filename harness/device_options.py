"""Devices as the command line has them: `ID=FILE,WORD,KEY=VALUE`.

What follows the first comma are words and settings of a kind of device; a word that is none of
them is part of what came before, so that a file's name can have commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emu.errors import BoardError

_DRIVE_WORDS: Final = ("root", "ro", "write", "unsafe")
_NET_KEYS: Final = ("mac", "mtu", "ip", "record", "play")
_BALLOON_WORDS: Final = ("deflate-on-oom",)
_BALLOON_KEYS: Final = ("stats",)
_ID: Final = re.compile(r"[A-Za-z0-9_]+")
_MAC: Final = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")

DRIVE_FORM: Final = "ID=FILE[,root][,ro][,write][,unsafe]"
NET_FORM: Final = "ID[,mac=MAC][,mtu=BYTES][,ip=ADDRESS][,record=FILE][,play=FILE]"
VSOCK_FORM: Final = "CID[,PORT=ENDPOINT]…"
ENDPOINTS_FORM: Final = "PORT=ENDPOINT[,PORT=ENDPOINT]…"
BALLOON_FORM: Final = "MIB[,deflate-on-oom][,stats=SECONDS]"


@dataclass(frozen=True, slots=True)
class DriveOption:
    """A disk.

    Attributes:
        id: what tells it from others.
        path: the file that stands behind it.
        is_root: the kernel is to mount it as its root.
        is_read_only: the guest can't write to it.
        writes_through: the guest's writes go to the file; else the file stays as it is.
        is_unsafe: the guest can't flush it.
    """

    id: str
    path: Path
    is_root: bool = False
    is_read_only: bool = False
    writes_through: bool = False
    is_unsafe: bool = False


@dataclass(frozen=True, slots=True)
class NetOption:
    """A network device.

    Attributes:
        id: what tells it from others.
        mac: its MAC address; None if the guest is to choose one.
        mtu: the largest packet, in bytes; None if the device does not say.
        ip: the IPv4 address of who answers it; None for nobody.
        record: where all frames go, as pcap.
        play: a pcap whose frames arrive, at their times.
    """

    id: str
    mac: str | None = None
    mtu: int | None = None
    ip: str | None = None
    record: Path | None = None
    play: Path | None = None


@dataclass(frozen=True, slots=True)
class VsockOption:
    """A vsock.

    Attributes:
        cid: the guest's address.
        endpoints: who listens on which port of the host, in the form that the endpoints have.
    """

    cid: int
    endpoints: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BalloonOption:
    """A balloon.

    Attributes:
        amount_mib: memory that the guest is to give up.
        deflate_on_oom: the guest takes it back before it kills a process for want of memory.
        stats_interval_s: how often it tells of its memory, in seconds; 0 never.
    """

    amount_mib: int
    deflate_on_oom: bool = False
    stats_interval_s: int = 0


def parse_drive(text: str) -> DriveOption:
    """A drive.

    >>> drive = parse_drive("rootfs=disk,v2.img,root,ro")
    >>> drive.path.name, drive.is_root, drive.is_read_only, drive.writes_through
    ('disk,v2.img', True, True, False)

    Raises:
        BoardError: it is not of the form `DRIVE_FORM`.
    """
    head, words, _ = _split(text, words=_DRIVE_WORDS)
    id_, equals, path = head.partition("=")
    if not equals or not path or not _ID.fullmatch(id_):
        raise _error("--drive", text, DRIVE_FORM)
    if {"ro", "write"} <= words:
        raise BoardError(f"--drive {text}: `ro` and `write` contradict each other; give one")
    return DriveOption(
        id_,
        Path(path),
        is_root="root" in words,
        is_read_only="ro" in words,
        writes_through="write" in words,
        is_unsafe="unsafe" in words,
    )


def parse_net(text: str) -> NetOption:
    """A network device.

    >>> parse_net("eth0,mac=06:00:ac:10:00:02,ip=172.16.0.1").ip
    '172.16.0.1'

    Raises:
        BoardError: it is not of the form `NET_FORM`.
    """
    id_, _, settings = _split(text, keys=_NET_KEYS)
    mac = settings.get("mac")
    if not _ID.fullmatch(id_) or (mac is not None and not _MAC.fullmatch(mac)):
        raise _error("--net", text, NET_FORM)
    return NetOption(
        id_,
        mac=mac,
        mtu=_number(settings.get("mtu"), _error("--net", text, NET_FORM)),
        ip=settings.get("ip"),
        record=_path(settings.get("record")),
        play=_path(settings.get("play")),
    )


def parse_vsock(text: str) -> VsockOption:
    """A vsock.

    >>> parse_vsock("3,1024=echo,1025=file:out,x")
    VsockOption(cid=3, endpoints=((1024, 'echo'), (1025, 'file:out,x')))

    Raises:
        BoardError: it is not of the form `VSOCK_FORM`.
    """
    cid, comma, endpoints = text.partition(",")
    if not cid.isdecimal() or (comma and not endpoints):
        raise _error("--vsock", text, VSOCK_FORM)
    return VsockOption(int(cid), parse_endpoints(endpoints) if comma else ())


def parse_endpoints(text: str) -> tuple[tuple[int, str], ...]:
    """Who listens on ports of the host, for a vsock that has its address.

    >>> parse_endpoints("1024=echo,1025=discard")
    ((1024, 'echo'), (1025, 'discard'))

    Raises:
        BoardError: it is not of the form `ENDPOINTS_FORM`.
    """
    ports = [part.partition("=") for part in re.split(r",(?=[0-9]+=)", text)]
    if not all(port.isdecimal() and endpoint for port, _, endpoint in ports):
        raise _error("--vsock", text, ENDPOINTS_FORM)
    return tuple((int(port), endpoint) for port, _, endpoint in ports)


def parse_balloon(text: str) -> BalloonOption:
    """A balloon.

    >>> parse_balloon("64,stats=1")
    BalloonOption(amount_mib=64, deflate_on_oom=False, stats_interval_s=1)

    Raises:
        BoardError: it is not of the form `BALLOON_FORM`.
    """
    amount, words, settings = _split(text, words=_BALLOON_WORDS, keys=_BALLOON_KEYS)
    if not amount.isdecimal():
        raise _error("--balloon", text, BALLOON_FORM)
    stats = _number(settings.get("stats"), _error("--balloon", text, BALLOON_FORM))
    return BalloonOption(int(amount), "deflate-on-oom" in words, stats or 0)


def _split(
    text: str, *, words: Iterable[str] = (), keys: Iterable[str] = ()
) -> tuple[str, set[str], dict[str, str]]:
    """What comes first, and the words and settings behind it."""
    parts, found, settings = text.split(","), set[str](), dict[str, str]()
    while len(parts) > 1:
        key, equals, value = parts[-1].partition("=")
        if equals and key in keys:
            settings.setdefault(key, value)
        elif parts[-1] in words:
            found.add(parts[-1])
        else:
            break
        parts.pop()
    return ",".join(parts), found, settings


def _number(value: str | None, wrong: BoardError) -> int | None:
    if value is not None and not value.isdecimal():
        raise wrong
    return None if value is None else int(value)


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)


def _error(option: str, text: str, form: str) -> BoardError:
    return BoardError(f"{option} {text}: expected {form}")
