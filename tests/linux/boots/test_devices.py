"""Linux with its own drivers on every virtio device: disks, network, vsock, entropy, balloon."""

from __future__ import annotations

import re
from hashlib import md5
from pathlib import Path

import pytest

from tests.linux.boots.boot import DeviceBoot, path_of
from tests.linux.device_session import (
    BALLOON_MIB,
    CONNECT,
    DATA_DISK,
    DEFLATE,
    FROM_HOST,
    GREETING,
    GUEST_MAC,
    INFLATE,
    LINES,
    PIECE_BYTES,
    RESET,
    WRITTEN,
    WRITTEN_PATH,
)
from tests.linux.inputs import Inputs
from tests.linux.interrupts import counts_by_name
from tests.linux.session import TROUBLE

_ALL_BACK = "3 packets transmitted, 3 packets received, 0% packet loss"
_RELOADS_MIN = 100
_EARLY = "balloon: queue 2 is notified before DRIVER_OK (virtio 1.2, 3.1.1)"
"""By all of Linux's drivers, up to v6.12 at least."""


@pytest.fixture(scope="session")
def piece(inputs: Inputs) -> str:
    """The digest of what is copied, sent and received."""
    data = Path(path_of(inputs.busybox)).read_bytes()[:PIECE_BYTES]
    return f"{md5(data).hexdigest()}  -"


def _memory_kib(answer: str) -> dict[str, int]:
    return {name: int(kib) for name, kib in re.findall(r"(\w+): +(\d+) kB", answer)}


def test_it_boots_to_a_shell_that_powers_off(device_boot: DeviceBoot) -> None:
    """All else here is of a session that was typed to its end."""
    assert device_boot.first.stop == "SYSTEM_OFF", device_boot.shown_last
    assert device_boot.answer("poweroff").endswith("reboot: Power down")


def test_every_line_is_echoed_as_it_was_typed(device_boot: DeviceBoot) -> None:
    """No signal disturbs the shell at that, so its answers are whole too."""
    lost = [line for line in LINES.values() if f"{line}\r\n" not in device_boot.first.console]
    assert lost == []


def test_a_second_run_that_loads_states_again_and_again_has_the_same_trace(
    device_boot: DeviceBoot,
) -> None:
    """In a process of its own; and at hundreds of points, in the middle of what drivers do, all
    devices and transports get the states that they have: so these have all that matters.
    """
    assert device_boot.reloaded.reloads >= _RELOADS_MIN
    assert device_boot.reloaded.trace == device_boot.first.trace
    first, second = (device_boot.image(name).read_bytes() for name in ("first", "reloaded"))
    assert first == second, "what is on the disks"


def test_drivers_break_no_rule_but_one_that_is_known(device_boot: DeviceBoot) -> None:
    assert device_boot.first.violations == [_EARLY]


def test_the_root_is_an_ext4_on_the_first_disk(device_boot: DeviceBoot) -> None:
    assert device_boot.answer("root") == "/dev/vda on / type ext4 (rw,relatime)"
    assert device_boot.answer("read-only root") == "/dev/vda on / type ext4 (ro,relatime)"


def test_a_file_of_the_image_is_read(device_boot: DeviceBoot) -> None:
    assert device_boot.answer("greeting") == GREETING.decode().rstrip()


def test_a_file_that_is_written_and_synced_is_in_the_image(device_boot: DeviceBoot) -> None:
    """And the file system is whole, its journal included."""
    image = device_boot.image("first")
    assert device_boot.first.stop == "SYSTEM_OFF"
    assert device_boot.tools.read(image, WRITTEN_PATH).decode() == f"{WRITTEN}\n"
    device_boot.tools.check(image)


def test_a_large_file_comes_back_from_the_disk(device_boot: DeviceBoot, piece: str) -> None:
    """Written, synced, dropped from the page cache, and read."""
    assert device_boot.answer("copy") == piece


def test_the_second_disk_tells_of_itself(device_boot: DeviceBoot) -> None:
    """Read-only, its size in sectors, its serial number (VIRTIO_BLK_T_GET_ID), its contents."""
    digest = md5(DATA_DISK).hexdigest()
    expected = ["1", str(len(DATA_DISK) // 512), "data", f"{digest}  -"]
    assert device_boot.answer("data disk").splitlines() == expected
    assert device_boot.answer("read-only").endswith("Operation not permitted")


def test_the_network_has_its_address_and_every_ping_comes_back(device_boot: DeviceBoot) -> None:
    """ARP, then ICMP echo of 64 and of 1408 bytes."""
    assert device_boot.answer("mac") == GUEST_MAC.hex(":")
    assert device_boot.answer("address") == ""
    for step, size_bytes in (("ping", 64), ("large ping", 1408)):
        answer = device_boot.answer(step)
        assert answer.count(f"{size_bytes} bytes from 172.16.0.1") == 3
        assert _ALL_BACK in answer


def test_the_guest_connects_to_the_host_over_vsock(device_boot: DeviceBoot, piece: str) -> None:
    """A line, and what needs credit both ways; where nobody listens it is refused (ECONNRESET)."""
    assert device_boot.first.found["from guest"] == "from the guest\n"
    assert device_boot.answer("echo") == piece
    assert device_boot.answer("refused").splitlines() == ["vsock: connect: error 104", "1"]


def test_the_host_connects_to_the_guest_over_vsock(device_boot: DeviceBoot, piece: str) -> None:
    """Both ends send more than the other has room for, at the same time."""
    assert device_boot.answer(CONNECT) == f"{md5(FROM_HOST).hexdigest()}  -"
    assert f"{device_boot.first.found['from listener']}  -" == piece


def test_a_reset_of_the_transport_breaks_connections_and_no_more(device_boot: DeviceBoot) -> None:
    """What was open ends with ECONNRESET; then another connection works."""
    assert device_boot.answer(RESET).splitlines() == ["vsock: read: error 104", "again"]


def test_random_numbers_are_those_that_the_host_gave(device_boot: DeviceBoot) -> None:
    source, drawn = device_boot.answer("rng").splitlines()
    assert source == "virtio_rng.0"
    assert re.fullmatch("[0-9a-f]{32}", drawn)
    assert drawn in device_boot.first.drawn


def test_the_balloon_takes_memory_and_gives_it_back(device_boot: DeviceBoot) -> None:
    before, inflated, after = (
        _memory_kib(device_boot.answer(step)) for step in ("memory", INFLATE, DEFLATE)
    )
    size_kib = BALLOON_MIB << 10
    assert inflated["MemTotal"] == before["MemTotal"] - size_kib
    assert inflated["MemFree"] < before["MemFree"] - size_kib * 7 // 8  # some is with a CPU
    assert after["MemTotal"] == before["MemTotal"]
    assert after["MemFree"] > inflated["MemFree"]
    assert device_boot.first.found["inflated mib"] == BALLOON_MIB
    assert device_boot.first.found["deflated mib"] == 0


def test_statistics_of_the_balloon_are_the_guest_s(device_boot: DeviceBoot) -> None:
    """They arrive once in a second."""
    inflated = _memory_kib(device_boot.answer(INFLATE))
    statistics = device_boot.first.found["statistics"]
    assert isinstance(statistics, dict)
    assert statistics["total_memory"] == inflated["MemTotal"] << 10
    assert abs(statistics["free_memory"] - (inflated["MemFree"] << 10)) < 8 << 20


def test_disk_network_and_vsock_at_once(device_boot: DeviceBoot, piece: str) -> None:
    echoed, pinged, digest, *_ = device_boot.answer("all at once").splitlines()
    assert (echoed, pinged, digest) == (piece, _ALL_BACK, piece)


def test_every_device_interrupts(device_boot: DeviceBoot) -> None:
    counts = counts_by_name(device_boot.answer("interrupts"))
    devices = {name: sum(count) for name, count in counts.items() if name.startswith("virtio")}
    assert sorted(devices) == [f"virtio{index}" for index in range(6)]
    assert all(devices.values())
    assert counts["Err"] == [0]


def test_the_kernel_complains_of_nothing(device_boot: DeviceBoot) -> None:
    assert device_boot.answer("trouble") == ""
    assert device_boot.answer("tainted") == "0"
    assert re.findall(rf"^\[.*(?:{TROUBLE}).*$", device_boot.first.console, re.MULTILINE) == []
