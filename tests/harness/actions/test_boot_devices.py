"""`thawbench boot` with devices: they are there, and their files are dealt with as was asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from firmware.layout import DiskArguments
from harness.event_lines import read_events
from tests.firmware.disk_work import SECTOR_SIZE_BYTES, work_on
from tests.harness.actions.booting import boot
from tests.harness.command_line import assert_fails

CONTENTS = bytes(range(256)) * (24 * SECTOR_SIZE_BYTES // 256)
DONE = work_on(CONTENTS, DiskArguments(rounds=4, target_sector=16))[0]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A disk for the guest `disk`."""
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENTS)
    return path


def test_a_drives_file_stays_as_it_is_so_that_the_run_can_be_repeated(
    image: Path, tmp_path: Path
) -> None:
    events = [tmp_path / name for name in ("first", "second")]
    for path in events:
        result = boot("--guest", "disk", "--drive", f"d={image}", "--events", path)
        assert (result.exit_code, result.stdout) == (0, "")
    assert image.read_bytes() == CONTENTS
    assert events[0].read_bytes() == events[1].read_bytes()
    used = [e for e in read_events(events[0]) if type(e.event).__name__ == "BufferUsed"]
    assert len(used) == 17


def test_with_write_the_guests_writes_go_to_the_file(image: Path) -> None:
    assert boot("--guest", "disk", "--drive", f"d={image},write").exit_code == 0
    assert image.read_bytes() == DONE


def test_to_a_read_only_drive_a_guest_can_not_write(image: Path) -> None:
    result = boot("--guest", "disk", "--drive", f"d={image},ro", "--events", image.parent / "e")
    assert result.exit_code == 0
    assert image.read_bytes() == CONTENTS
    reasons = [json.loads(line).get("reason", "") for line in (image.parent / "e").open()]
    assert sum("read-only" in reason for reason in reasons) == 8


def test_another_device_in_its_slot_is_no_disk() -> None:
    assert "there is no virtio-blk device" in boot("--guest", "disk", "--rng").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--drive", "d"), "expected ID=FILE"),
        (("--drive", "d=nothing.img"), "nothing.img"),
        (("--drive", "d=."), "."),
        (("--drive", "d=disk.img", "--drive", "d=disk.img"), "2 devices have the id 'd'"),
        (("--drive", "a=disk.img,root", "--drive", "b=disk.img,root"), "root drives"),
        (("--net", "eth0,ip=172.16.0"), "'172.16.0' is no IPv4 address"),
        (("--net", "eth0,ip=172.16.0.1,play=x"), "give either ip= or play="),
        (("--net", "eth0,play=nothing.pcap"), "nothing.pcap"),
        (("--net", "eth0,play=disk.img"), "disk.img"),
        (("--net", "eth0,record=nowhere/x.pcap"), "nowhere"),
        (("--net", "eth0,mtu=3"), "MTU"),
        (("--vsock", "2"), "2"),
        (("--vsock", "3,1=nothing"), "no vsock endpoint 'nothing'"),
        (("--vsock", "3,1=feed:nothing"), "nothing"),
        (("--vsock", "3,1=file:nowhere/x"), "nowhere"),
        (("--balloon", "x"), "expected MIB"),
        (("--balloon", "9"), "9 MiB"),
    ],
)
def test_devices_that_can_not_be_had_are_refused_in_one_line_before_anything_starts(
    arguments: tuple[str, ...], message: str, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(image.parent)
    assert_fails(boot("--guest", "disk", "--events", "events", *arguments), message)
    assert not Path("events").exists()


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever is root may write anywhere"
)
def test_a_file_that_may_not_be_written_is_refused_for_a_drive_that_writes(image: Path) -> None:
    image.chmod(0o400)
    assert_fails(boot("--guest", "disk", "--drive", f"d={image},write"), "disk.img")
    assert boot("--guest", "disk", "--drive", f"d={image}").exit_code == 0
