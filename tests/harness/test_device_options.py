"""Devices as the command line has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emu.errors import BoardError
from harness.device_options import (
    BalloonOption,
    DriveOption,
    NetOption,
    VsockOption,
    parse_balloon,
    parse_drive,
    parse_net,
    parse_vsock,
)


@pytest.mark.parametrize(
    ("text", "drive"),
    [
        ("d=a.img", DriveOption("d", Path("a.img"))),
        ("d=a.img,root", DriveOption("d", Path("a.img"), is_root=True)),
        ("d=a.img,ro,root", DriveOption("d", Path("a.img"), is_root=True, is_read_only=True)),
        ("d=a,write,unsafe", DriveOption("d", Path("a"), writes_through=True, is_unsafe=True)),
        ("d=a,b=c,root.img", DriveOption("d", Path("a,b=c,root.img"))),
        ("d=a,readonly", DriveOption("d", Path("a,readonly"))),
    ],
)  # fmt: skip
def test_words_of_a_drive_follow_its_file_whose_name_may_have_commas(
    text: str, drive: DriveOption
) -> None:
    assert parse_drive(text) == drive


@pytest.mark.parametrize(
    ("text", "net"),
    [
        ("eth0", NetOption("eth0")),
        ("eth0,mtu=1500,mac=06:00:AC:10:00:02", NetOption("eth0", "06:00:AC:10:00:02", 1500)),
        ("eth0,ip=10.0.0.1", NetOption("eth0", ip="10.0.0.1")),
        ("n,record=a.pcap,play=b.pcap", NetOption("n", record=Path("a.pcap"), play=Path("b.pcap"))),
    ],
)
def test_settings_of_a_network_device_follow_its_id(text: str, net: NetOption) -> None:
    assert parse_net(text) == net


def test_endpoints_of_a_vsock_follow_its_cid() -> None:
    assert parse_vsock("3") == VsockOption(3)
    text = "4,1=echo,2=file:a,b=c,3=discard"
    assert parse_vsock(text) == VsockOption(4, ((1, "echo"), (2, "file:a,b=c"), (3, "discard")))


def test_words_and_settings_of_a_balloon_follow_its_size() -> None:
    assert parse_balloon("64") == BalloonOption(64)
    assert parse_balloon("0,stats=5,deflate-on-oom") == BalloonOption(0, True, 5)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((parse_drive, text) for text in ("", "d", "d=", "=a.img", "d d=a", "d=a,ro,write")),
        *((parse_net, text) for text in ("", "eth 0", "e,mac=1", "e,mtu=x", "e,mtu=", "e,wrong=1")),
        *((parse_vsock, text) for text in ("", "x", "3,echo", "3,1=", "-1")),
        *((parse_balloon, text) for text in ("", "x", "64,stats=x", "64,deflate", "-1")),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_the_form(
    parse: Callable[[str], object], text: str
) -> None:
    with pytest.raises(BoardError, match=r"expected .*\[|contradict"):
        parse(text)
