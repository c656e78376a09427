"""`thawbench thaw` with devices: what stands behind them is given, or as the snapshot names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from emu.devices.virtio.block import BlockConfig
from emu.devices.virtio.disk import FileDisk, OverlayDisk
from emu.snapshot import freeze
from firmware.layout import DiskArguments
from harness.guests import boot_guest
from tests.firmware.disk_work import SECTOR_SIZE_BYTES, work_on
from tests.harness.command_line import assert_fails, invoke

ARGUMENTS = DiskArguments(rounds=4, target_sector=16)
CONTENTS = bytes(range(256)) * (24 * SECTOR_SIZE_BYTES // 256)
DONE = work_on(CONTENTS, ARGUMENTS)[0]
BEFORE_THE_FIRST_REQUEST = 600
SEED = "00"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where there is `disk.img`, and the guest `disk` frozen before it has done anything to it."""
    monkeypatch.chdir(tmp_path)
    Path("disk.img").write_bytes(CONTENTS)
    disk = OverlayDisk(FileDisk(Path("disk.img"), is_read_only=True))
    drive = BlockConfig(id="rootfs", disk=disk, path="disk.img")
    with boot_guest("disk", arguments=ARGUMENTS, devices=[drive]) as machine:
        machine.run(BEFORE_THE_FIRST_REQUEST)
        freeze(machine).save(tmp_path, "guest")
    return tmp_path


def test_the_file_that_the_snapshot_names_is_taken_and_stays_as_it_is(folder: Path) -> None:
    result = invoke("thaw", "guest.snap", "--entropy", SEED)
    assert (result.exit_code, "the guest powered off" in result.stdout) == (0, True)
    assert (folder / "disk.img").read_bytes() == CONTENTS


def test_another_file_can_be_given_and_written_to(folder: Path) -> None:
    Path("disk.img").rename("moved.img")
    result = invoke("thaw", "guest.snap", "--entropy", SEED, "--drive", "rootfs=moved.img,write")
    assert result.exit_code == 0, result.output
    assert (folder / "moved.img").read_bytes() == DONE


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--drive", "rootfs=nothing"), "nothing"),
        (("--drive", "other=disk.img"), "no virtio-block 'other'; it has rootfs"),
        (("--drive", "rootfs=disk.img,ro"), "are what the snapshot says"),
        (("--net", "eth0,ip=10.0.0.1"), "no virtio-net 'eth0'; it has none"),
        (("--net", "eth0,mtu=1500"), "are what the snapshot says"),
        (("--vsock", "3"), "expected PORT=ENDPOINT"),
        (("--vsock", "1=nothing"), "no vsock endpoint 'nothing'"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_can_not_stand_behind_a_device_is_refused_in_one_line(
    arguments: tuple[str, ...], message: str
) -> None:
    assert_fails(invoke("thaw", "guest.snap", "--entropy", SEED, *arguments), message)


@pytest.mark.usefixtures("folder")
def test_a_file_that_is_gone_is_refused_with_what_to_do() -> None:
    Path("disk.img").unlink()
    assert_fails(invoke("thaw", "guest.snap", "--entropy", SEED), "disk.img")
