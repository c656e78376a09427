"""`thawbench boot` in a pipe, as a script uses it: a kernel, an initrd and a file that is typed."""

from __future__ import annotations

import re
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from emu import boards
from emu.devices.network.pcap import read_capture
from tests.linux import initramfs
from tests.linux.boots.boot import path_of, tools_of
from tests.linux.device_session import make_root
from tests.linux.inputs import Inputs
from tests.linux.matrix import BOARDS

COMMAND_LINE = "from harness.cli import main; main()"
INPUT = "echo 6 times 7 is $((6 * 7))\npoweroff -f\n"
DEVICES_INPUT = """\
mount | grep ' / '
ip addr add 172.16.0.2/24 dev eth0; ip link set eth0 up; ping -c 1 172.16.0.1
echo over vsock | vsock connect 2 1024
head -c 5 /dev/hwrng | wc -c
echo by the guest > /written; sync; mount -o remount,ro /
poweroff -f
"""
ENDING = (
    r"thawbench: note: entropy seed: 00 \(repeat with --entropy 00\)\n"
    r"thawbench: note: the guest powered off, after [\d,]+ instructions, at [\d.]+ ms of "
    r"virtual time\n"
)


def boot(
    board: str, kernel: str, initrd: Path, *more: str, append: str = "", typed: str
) -> subprocess.CompletedProcess[str]:
    """Run the command on a Cortex-A72."""
    options = {
        "--board": board,
        "--kernel": kernel,
        "--initrd": initrd,
        "--cpu": "cortex-a72",
        "--append": f"cryptomgr.notests {append}",
        "--input": "-",
        "--entropy": "00",
        "--max-insns": 2_000_000_000,
    }
    arguments = [str(part) for option in options.items() for part in option]
    return subprocess.run(
        [sys.executable, "-c", COMMAND_LINE, "boot", *arguments, *more],
        input=typed, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("board", BOARDS)
def test_the_command_boots_types_and_ends_well(board: str, inputs: Inputs, tmp_path: Path) -> None:
    """The console is on stdout, stderr has two notes and no status line, and the status is 0."""
    kernel = next(iter(inputs.kernels.values()))
    initrd = tmp_path / "initrd"
    initrd.write_bytes(initramfs.build(Path(path_of(inputs.busybox)).read_bytes()))
    done = boot(board, path_of(kernel), initrd, typed=INPUT)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("[    0.000000] Booting Linux on physical CPU 0x0")
    assert "6 times 7 is 42" in lines
    assert lines[-1].endswith("reboot: Power down")
    assert re.fullmatch(ENDING, done.stderr)


@pytest.mark.parametrize(("board", "words"), [("squib", "root"), ("firecracker", "root,write")])
def test_the_command_has_devices(board: str, words: str, inputs: Inputs, tmp_path: Path) -> None:
    """It boots to a shell on the disk that is the root, which Firecracker tells the kernel.

    What the guest writes is in the disk's file only if that was asked for.
    """
    name = list(inputs.kernels)[-1]
    tools = tools_of(inputs)
    busybox = Path(path_of(inputs.busybox)).read_bytes()
    vsock = Path(path_of(inputs.programs["vsock"])).read_bytes()
    initrd, disk, capture = tmp_path / "initrd", tmp_path / "disk", tmp_path / "capture"
    modules = Path(path_of(inputs.modules[name])).read_bytes()
    initrd.write_bytes(initramfs.for_disk(busybox, modules))
    make_root(tools, disk, busybox, {"vsock": vsock})
    before = disk.read_bytes()
    devices = (
        *("--drive", f"rootfs={disk},{words}"),
        *("--net", f"eth0,mac=06:00:ac:10:00:02,ip=172.16.0.1,record={capture}"),
        *("--vsock", "3,1024=echo"),
        *("--balloon", "16"),
        "--rng",
    )
    root = "" if boards.get(board).command_line.names_root else "root=/dev/vda rw"
    kernel = path_of(inputs.kernels[name])
    done = boot(board, kernel, initrd, *devices, append=root, typed=DEVICES_INPUT)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(ENDING, done.stderr)
    lines = done.stdout.splitlines()
    for line in ("/dev/vda on / type ext4 (rw,relatime)", "over vsock", "5"):
        assert line in lines
    assert "1 packets transmitted, 1 packets received, 0% packet loss" in lines
    peer = IPv4Address("172.16.0.1").packed
    assert any(peer in captured.frame for captured in read_capture(capture.read_bytes()))
    if words == "root":
        assert disk.read_bytes() == before
    else:
        assert tools.read(disk, "/written") == b"by the guest\n"
