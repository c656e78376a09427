"""Linux is frozen with requests to its devices in flight, and another machine goes on with it."""

from __future__ import annotations

import re
from hashlib import md5
from pathlib import Path

import pytest

from tests.linux.boots.boot import FrozenBoot
from tests.linux.device_session import (
    BALLOON_MIB,
    CONNECT,
    DEFLATE,
    FROM_HOST,
    INFLATE,
    PIECE_BYTES,
)
from tests.linux.frozen_run import IN_FLIGHT
from tests.linux.frozen_session import FROZEN, PINGS
from tests.linux.interrupts import counts_by_name
from tests.linux.session import TROUBLE

_HAS_VMGENID_DRIVER = {"bookworm": False, "trixie": True}
"""By the device tree's node, since Linux 6.10."""


@pytest.fixture(scope="session")
def busybox(frozen_boot: FrozenBoot) -> bytes:
    """What is copied and sent is of this file."""
    return Path(frozen_boot.setup.busybox).read_bytes()


@pytest.fixture(scope="session")
def piece(busybox: bytes) -> str:
    """The digest of its beginning."""
    return f"{md5(busybox[:PIECE_BYTES]).hexdigest()}  -"


def test_much_is_in_flight_when_it_is_frozen(frozen_boot: FrozenBoot) -> None:
    """All else here is of a session that was typed to its end, in two machines."""
    found = frozen_boot.outcome.found[IN_FLIGHT]
    assert isinstance(found, dict)
    assert {*found["interrupting"], *found["notified"]} >= {*frozen_boot.setup.busy}
    assert found["connections"] == 2
    assert frozen_boot.outcome.stop == "SYSTEM_OFF"
    assert frozen_boot.answer("poweroff").endswith("reboot: Power down")


def test_what_was_being_written_is_on_the_disk(frozen_boot: FrozenBoot, piece: str) -> None:
    """In the page cache, then read from the disk; and the file system is whole."""
    assert frozen_boot.answer(FROZEN).splitlines().count(piece) == 1
    assert frozen_boot.answer("copy") == piece
    assert frozen_boot.answer("read-only root") == "/dev/vda on / type ext4 (ro,relatime)"
    frozen_boot.tools.check(frozen_boot.image)


def test_every_ping_comes_back(frozen_boot: FrozenBoot) -> None:
    """Those of before, the one in flight, and those of after."""
    sent = f"{PINGS} packets transmitted, {PINGS} packets received, 0% packet loss"
    assert sent in frozen_boot.answer(FROZEN)
    assert "3 packets transmitted, 3 packets received" in frozen_boot.answer("ping")


def test_connections_that_were_open_break(frozen_boot: FrozenBoot, busybox: bytes) -> None:
    """With ECONNRESET for who waits (104); who does not finds that it is not connected (107)."""
    shown = frozen_boot.answer(FROZEN)
    received = re.findall(r"^\d+$", shown, re.MULTILINE)
    assert re.search(r"^vsock: (read|write): error (104|107)$", shown, re.MULTILINE)
    assert len(received) == 1
    assert int(received[0]) < len(busybox)
    assert frozen_boot.answer("broken") == "vsock: read: error 104"


def test_vsock_connects_both_ways(frozen_boot: FrozenBoot, piece: str) -> None:
    """The guest to the host; and the host to a program that listens since before."""
    assert frozen_boot.answer("echo") == piece
    assert frozen_boot.answer(CONNECT) == f"{md5(FROM_HOST).hexdigest()}  -"
    assert f"{frozen_boot.outcome.found['from listener']}  -" == piece


def test_random_numbers_are_drawn_from_the_new_host(frozen_boot: FrozenBoot) -> None:
    """Once what drivers had ready is used up."""
    drawn = frozen_boot.answer("rng")
    assert re.fullmatch("[0-9a-f]{32}", drawn)
    assert drawn in frozen_boot.outcome.drawn


def test_the_balloon_goes_where_it_is_told(frozen_boot: FrozenBoot) -> None:
    before, inflated, after = (
        int(re.findall(r"MemTotal: +(\d+) kB", frozen_boot.answer(step))[0])
        for step in ("memory", INFLATE, DEFLATE)
    )
    assert inflated == before - (BALLOON_MIB << 10)
    assert after == before
    assert frozen_boot.outcome.found["inflated mib"] == BALLOON_MIB
    assert frozen_boot.outcome.found["deflated mib"] == 0


def test_the_crng_is_reseeded_once(frozen_boot: FrozenBoot) -> None:
    """Linux finds the new generation id, if it has the driver."""
    kernel = Path(frozen_boot.setup.kernel).name.removeprefix("Image-")
    assert frozen_boot.answer("generation") == str(int(_HAS_VMGENID_DRIVER[kernel]))


def test_drivers_and_kernel_complain_of_nothing(frozen_boot: FrozenBoot) -> None:
    assert counts_by_name(frozen_boot.answer("interrupts"))["Err"] == [0]
    assert frozen_boot.answer("trouble") == ""
    assert frozen_boot.answer("tainted") == "0"
    assert re.findall(rf"^\[.*(?:{TROUBLE}).*$", frozen_boot.outcome.console, re.MULTILINE) == []
