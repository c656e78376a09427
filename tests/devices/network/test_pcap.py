"""Captures: what is recorded is what is read and what is played, and damage is refused."""

from __future__ import annotations

import shutil
import struct
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.devices.network.link import Link
from emu.devices.network.pcap import Captured, CaptureWriter, read_capture
from emu.devices.network.player import Player
from emu.devices.network.recorder import Recorder
from emu.errors import CaptureError
from tests.devices.network.stations import Guest, Station, ethernet_frame
from tests.devices.virtio.driver import Bench

captures = st.lists(
    st.builds(Captured, st.integers(0, (1 << 32) * 10**9 - 1), st.binary(max_size=100)), max_size=5
)

GOLDEN = bytes.fromhex(
    "4d3cb2a1 0200 0400 00000000 00000000 00000400 01000000"
    "02000000 15cd5b07 04000000 04000000 deadbeef"
)
"""Little-endian, nanoseconds, version 2.4, at most 262144 bytes a frame, Ethernet; one frame of 4
bytes at 2.123456789 s. Byte by byte as draft-ietf-opsawg-pcap-04 has it, figures 1 and 2."""

GOLDEN_US = bytes.fromhex(
    "a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000001"
    "00000002 0001e240 00000004 00000004 deadbeef"
)
"""Likewise, big-endian, with microseconds: 2.123456 s."""


def written(frames: list[Captured]) -> bytes:
    file = BytesIO()
    writer = CaptureWriter(file)
    for captured in frames:
        writer.write(captured)
    return file.getvalue()


@given(captures)
def test_what_is_written_is_read(frames: list[Captured]) -> None:
    assert read_capture(written(frames)) == frames


def test_a_capture_is_as_the_format_says() -> None:
    frames = [Captured(2_123_456_789, b"\xde\xad\xbe\xef")]
    assert written(frames) == GOLDEN
    assert read_capture(GOLDEN) == frames
    assert read_capture(GOLDEN_US) == [Captured(2_123_456_000, b"\xde\xad\xbe\xef")]


def test_tcpdump_reads_what_is_written(tmp_path: Path) -> None:
    """What the frame is, and when it came."""
    tcpdump = shutil.which("tcpdump")
    if tcpdump is None:
        pytest.skip("tcpdump is not installed")
    arp = bytes.fromhex("0001080006040001 0600ac100002 ac100002 000000000000 ac100001")
    frame = b"\xff" * 6 + bytes.fromhex("0600ac100002 0806") + arp
    path = tmp_path / "arp.pcap"
    path.write_bytes(written([Captured(1_000_000_042, frame)]))
    said = subprocess.run(
        [tcpdump, "--nano", "-n", "-tt", "-r", path], check=True, capture_output=True, text=True
    ).stdout
    assert said.startswith("1.000000042 ARP, Request who-has 172.16.0.1 tell 172.16.0.2")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "offset 0: a file that begins with '' is no capture"),
        (b"\x0a\x0d\x0d\x0a" + bytes(20), "pcapng"),
        (GOLDEN[:23], "its header alone has 24"),
        (GOLDEN[:4] + b"\3" + GOLDEN[5:], "offset 4: a capture of version 3.4"),
        (GOLDEN[:20] + b"\x71" + GOLDEN[21:], "offset 20: a capture of link type 113"),
        (GOLDEN[:39], "offset 24: the capture ends inside the header of a frame"),
        (GOLDEN[:-1], "offset 40: the capture ends inside a frame of 4 bytes"),
        (GOLDEN[:36] + b"\5" + GOLDEN[37:], "offset 32: 4 bytes are there of a frame of 5"),
        (GOLDEN[:28] + struct.pack("<I", 10**9) + GOLDEN[32:], "offset 28: 1000000000 is more"),
    ],
)
def test_a_damaged_capture_is_refused_with_the_place(data: bytes, why: str) -> None:
    with pytest.raises(CaptureError, match=why):
        read_capture(data)


@given(data=st.binary(max_size=80), cut=st.integers(0, len(GOLDEN)))
def test_whatever_a_file_has_it_is_read_or_refused(data: bytes, cut: int) -> None:
    for file in (data, GOLDEN[:cut] + data):
        try:
            read_capture(file)
        except CaptureError:
            continue


# --- recorder and player -------------------------------------------------------------------------


def test_a_recorder_has_both_directions_at_their_virtual_times_and_passes_them_on() -> None:
    """At the peer's end of the link."""
    file, station, bench = BytesIO(), Station(), Bench(cycles_per_s=500_000_000)
    port = Link(Recorder(file, station), latency_cycles=10).plug(Guest(), bench.host)
    bench.advance(100)
    station.send(b"to the guest")
    port.send(b"to the peer")
    bench.advance(10)
    assert read_capture(file.getvalue()) == [
        Captured(200, b"to the guest"),
        Captured(220, b"to the peer"),
    ]
    assert (station.received, port.waiting()) == ([b"to the peer"], b"to the guest")


def test_a_recorder_needs_nobody_behind_it() -> None:
    file, bench = BytesIO(), Bench()
    Link(Recorder(file)).plug(Guest(), bench.host).send(b"alone")
    bench.advance(0)
    assert [captured.frame for captured in read_capture(file.getvalue())] == [b"alone"]


def arrivals(player: Player, cycles: int) -> list[tuple[int, bytes]]:
    """When which frame arrives."""
    bench = Bench()
    port = Link(player).plug(Guest(), bench.host)
    found = []
    for _ in range(cycles):
        bench.advance(0)
        while (frame := port.waiting()) is not None:
            found.append((bench.clock.now(), frame))
            port.take()
        bench.advance(1)
    return found


def test_a_player_sends_each_frame_at_its_time() -> None:
    capture = [Captured(3, b"a"), Captured(3, b"b"), Captured(9, b"c"), Captured(8, b"late")]
    assert arrivals(Player(capture), 20) == [(3, b"a"), (3, b"b"), (9, b"c"), (9, b"late")]


def test_a_capture_of_another_time_can_begin_when_it_should() -> None:
    capture = [Captured(10**18, b"a"), Captured(10**18 + 4, b"b")]
    assert arrivals(Player(capture, first_ns=2), 20) == [(2, b"a"), (6, b"b")]


def test_a_player_leaves_out_what_the_guest_sent() -> None:
    to_peer, to_guest = ethernet_frame(b"1"), ethernet_frame(b"2")[6:12] + ethernet_frame(b"2")[:6]
    capture = [Captured(1, to_peer), Captured(2, to_guest)]
    assert arrivals(Player(capture, guest_mac=to_peer[6:12]), 9) == [(2, to_guest)]


def test_a_player_that_moves_to_another_machine_goes_on_where_it_was() -> None:
    first, second = Bench(), Bench()
    link = Link(Player([Captured(1, b"a"), Captured(5, b"b"), Captured(7, b"c")]))
    link.plug(Guest(), first.host)
    first.advance(3)
    port = link.plug(Guest(), second.host)
    first.advance(10)
    second.advance(7)
    found = []
    while (frame := port.waiting()) is not None:
        found.append(frame)
        port.take()
    assert found == [b"a", b"b", b"c"]


def test_what_was_recorded_is_what_a_player_plays() -> None:
    file, station, bench = BytesIO(), Station(), Bench()
    Link(Recorder(file, station)).plug(Guest(), bench.host)
    for n in range(3):
        bench.advance(4)
        station.send(b"%d" % n)
    assert arrivals(Player(read_capture(file.getvalue())), 20) == [(4, b"0"), (8, b"1"), (12, b"2")]
