"""The guests that check themselves, on QEMU: what they expect is what another implementation does.

Without this, a guest that expects what our machine happens to do would pass on it all the same.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pytest

import firmware
from firmware import build
from firmware.layout import DiskArguments
from harness.selfcheck import SelfCheck, parse_console
from tests.firmware.disk_work import SECTOR_SIZE_BYTES, work_on

QEMU = shutil.which("qemu-system-aarch64")
TOOLCHAIN = next((each for each in build.TOOLCHAINS if each.command()), None)
TIMEOUT_S = 120

# One instruction a nanosecond of virtual time, on one thread: every run is the same.
DETERMINISTIC = ("-icount", "shift=0,sleep=off")
BOARD = ("-M", "virt,gic-version=3", "-m", "128M", "-nodefaults", "-no-reboot")
CONSOLE = ("-display", "none", "-serial", "stdio", "-monitor", "none")

KNOWN_BUGS = {
    # target/arm/helper-a64.c of 7.2, daif_check(): op1 and op2 change places in the syndrome.
    # DDI 0487, D24.2.40, ISS of a trapped MSR: Op2 is in bits 19..17 and Op1 in 16..14.
    "exceptions": {"MSR DAIFSet at EL0, UMA 0: ESR"},
    # target/arm/psci.c of 7.2: every level above 0 is "always on". DEN 0022, 5.7: there is no
    # level 4, so INVALID_PARAMETERS.
    "psci": {"AFFINITY_INFO at level 4"},
}
"""Checks that QEMU fails, and why it is QEMU that is wrong."""

pytestmark = [
    pytest.mark.skipif(QEMU is None, reason="qemu-system-aarch64 is not on PATH"),
    pytest.mark.skipif(TOOLCHAIN is None, reason="no assembler for A64 is on PATH"),
]


def console_of(image: Path, *, cpu: str, vcpu_count: int = 1, devices: Sequence[str] = ()) -> str:
    """Run a guest that was built for QEMU's board; what it prints."""
    command = [str(QEMU), *BOARD, *CONSOLE, *DETERMINISTIC, "-cpu", cpu, "-smp", str(vcpu_count)]
    done = subprocess.run(
        [*command, *devices, "-kernel", image],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_on_qemu(image: Path, *, cpu: str, vcpu_count: int) -> SelfCheck:
    """Run a guest that checks itself, and was built for QEMU's board."""
    return parse_console(image.stem, console_of(image, cpu=cpu, vcpu_count=vcpu_count))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The path of a guest, built for QEMU's board when it is first asked for."""
    folder = tmp_path_factory.mktemp("images")

    def image_of(name: str) -> Path:
        image = folder / f"{name}.bin"
        if not image.exists():
            assert TOOLCHAIN is not None
            files = build.build(build.SOURCES / f"{name}.s", TOOLCHAIN, build.QEMU_VIRT)
            image.write_bytes(files[image.name])
        return image

    return image_of


def unexplained(found: SelfCheck) -> list[str]:
    """The failures of a guest that are not QEMU's known bugs, and that it did not finish."""
    known = KNOWN_BUGS.get(found.guest, set())
    failed = [str(check) for check in found.failed if check.name not in known]
    return failed if found.finished else [*failed, f"unfinished after {found.checks[-1:]}"]


@pytest.mark.parametrize("vcpu_count", [1, 2, 4])
@pytest.mark.parametrize("name", firmware.self_checking())
def test_every_check_passes_on_qemu(
    name: str, vcpu_count: int, images: Callable[[str], Path]
) -> None:
    assert unexplained(run_on_qemu(images(name), cpu="max", vcpu_count=vcpu_count)) == []


@pytest.mark.parametrize("name", ["atomics", "fpsimd", "shootdown", "smp"])
def test_every_check_passes_with_a_second_cluster(name: str, images: Callable[[str], Path]) -> None:
    """With 17 vCPUs, MPIDR_EL1.Aff1 is not 0 everywhere."""
    assert unexplained(run_on_qemu(images(name), cpu="max", vcpu_count=17)) == []


@pytest.mark.parametrize("name", firmware.self_checking())
def test_every_check_passes_on_an_armv8_0_cpu(name: str, images: Callable[[str], Path]) -> None:
    """What Cortex-A72 lacks (LSE, PAN, PAC, half precision) is skipped, not tried."""
    assert unexplained(run_on_qemu(images(name), cpu="cortex-a72", vcpu_count=2)) == []


def test_two_runs_on_qemu_are_the_same(images: Callable[[str], Path]) -> None:
    runs = [run_on_qemu(images("smp"), cpu="max", vcpu_count=4) for _ in range(2)]
    assert runs[0] == runs[1]


def test_the_guest_of_disks_drives_a_virtio_disk_of_qemu(
    images: Callable[[str], Path], tmp_path: Path
) -> None:
    """Its driver is one that another device takes, and the disk is what it should be after it."""
    contents = Random(1).randbytes(64 * SECTOR_SIZE_BYTES)
    path = tmp_path / "disk.img"
    path.write_bytes(contents)
    disk = ("-global", "virtio-mmio.force-legacy=false", "-device", "virtio-blk-device,drive=d")
    drive = ("-drive", f"if=none,file={path},format=raw,id=d")
    assert console_of(images("disk"), cpu="cortex-a72", devices=(*disk, *drive)) == ""
    assert path.read_bytes() == work_on(contents, DiskArguments(rounds=4, target_sector=16))[0]
