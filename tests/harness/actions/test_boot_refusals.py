"""What `thawbench boot` refuses, it refuses before anything starts: in one line, exit status 2."""

from __future__ import annotations

import errno
import gzip
import mmap
import os
from pathlib import Path

import pytest

from tests.core.image.kernels import efi_image, image
from tests.harness.actions.booting import boot
from tests.harness.command_line import assert_fails
from tests.harness.kernel_image import SYSTEM_OFF, kernel, kernel_file

GOOD = kernel(*SYSTEM_OFF)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Image: not an arm64 kernel Image: the file is empty"),
        (GOOD[:63], "the file has 63 bytes"),
        (b"\x7fELF" + GOOD, "an ELF file for machine 0: this machine is arm64"),
        (b"\x1f\x8b" + GOOD, "Image: gzip data that can't be unpacked"),
        (gzip.compress(GOOD)[:-1], "Image: gzip data that are cut off"),
        (gzip.compress(b"070701"), "what the gzip data hold is a cpio archive"),
        (bytes(514) + b"HdrS" + bytes(99), "an x86 bzImage"),
        (bytes(200), "the file has 00000000 at offset 56"),
    ],
    ids=["empty", "cut", "ELF", "no gzip", "half a gzip", "initrd", "bzImage", "zeros"],
)
def test_what_is_no_kernel_is_refused(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "Image"
    path.write_bytes(data)
    result = boot("--kernel", path, "--events", tmp_path / "events")
    assert_fails(result, message)
    assert not (tmp_path / "events").exists()


@pytest.mark.parametrize("form", ["Image", "Image.gz"])
def test_a_kernel_that_is_cut_off_is_refused(form: str, tmp_path: Path) -> None:
    data = {"Image": efi_image(9, 9), "Image.gz": gzip.compress(efi_image(9, 9))}[form]
    path = tmp_path / form
    path.write_bytes(data[:-1])
    assert_fails(boot("--kernel", path), f"{form}: ")
    assert_fails(boot("--kernel", path), "cut off")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--vcpus", 0), "0 vCPUs"),
        (("--vcpus", 33), "33 vCPUs"),
        (("--vcpus", -1), "-1 vCPUs"),
        (("--vcpus", "two"), "'two' is not a valid integer"),
        (("--cpu", "8086"), "8086"),
        (("--quantum", 0), "a quantum has 0 instructions"),
        (("--quantum", "x"), "'x' is not a valid integer"),
        (("--schedule", "sometimes"), "'sometimes' is no schedule: expected `round-robin`"),
        (("--schedule", "shuffled"), "'shuffled' is no schedule"),
        (("--schedule", "shuffled:x"), "'shuffled:x' is no schedule"),
        (("--schedule", "0:1:2"), "'0:1:2' is no schedule"),
        (("--schedule", "0:5,1:5"), "turn 1 of the schedule is of vCPU 1"),
        (("--schedule", "0:0"), "turn 0, of vCPU 0, has 0 instructions"),
        (("--board", "toaster"), "unknown board 'toaster'; known: squib"),
        (("--memory", 0), "bytes of RAM are too few"),
        (("--memory", -5), "bytes of RAM are too few"),
        (("--memory", 4), "bytes of RAM are too few"),
        (("--memory", 1 << 60), "give at most 1048576"),
        (("--memory", "4G"), "'4G' is not a valid integer"),
        (("--append", "x" * (2 << 20)), "device tree"),
        (("--append", "\udcff"), "is not text that a device tree can hold"),
        (("--max-insns", -1), "-1 is not in the range"),
        (("--max-insns", "1e9"), "'1e9' is not a valid integer"),
        (("--max-time", "nan"), "nan is not a number of seconds"),
        (("--max-time", -1), "-1.0 is not in the range"),
        (("--entropy", "zz"), "'zz' is not an even number of hex digits"),
        (("--guest", "heartbeat"), "give either --kernel FILE or --guest NAME"),
        (("--events", "-", "--trace"), "print to standard output"),
        (("--json", "--trace", "-"), "print to standard output"),
        (("--symbols", "absent"), "absent: No such file or directory"),
        (("--input", "absent"), "absent: No such file or directory"),
        (("--replay-input", "absent"), "absent: No such file or directory"),
        (("--replay-input", "Image"), "Image: line 1: "),
        (("--replay-input", "a", "--input", "b"), "give either --input or --replay-input"),
        (("--record-input", "no/such/folder"), "no/such/folder: No such file or directory"),
        (("--initrd", "absent"), "absent: No such file or directory"),
        (("--initrd", os.devnull), "the initial RAM disk is empty"),
        (("--kernel", "absent"), "absent: No such file or directory"),
        (("--events", "no/such/folder"), "no/such/folder: No such file or directory"),
    ],
    ids=lambda value: ascii(" ".join(map(str, value)))[:20] if isinstance(value, tuple) else "",
)
def test_what_can_not_be_had_is_refused_before_anything_starts(
    arguments: tuple[object, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = kernel_file(tmp_path, *SYSTEM_OFF)
    result = boot("--kernel", path, *arguments)
    assert result.stdout == ""
    assert_fails(result, message)


@pytest.mark.parametrize("option", ["--kernel", "--initrd", "--input"])
def test_a_folder_is_refused_by_its_name(option: str, tmp_path: Path) -> None:
    path = kernel_file(tmp_path, *SYSTEM_OFF)
    assert_fails(boot("--kernel", path, option, tmp_path), f"{tmp_path}: ")


def test_memory_that_the_host_does_not_give_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", full)
    result = boot("--kernel", kernel_file(tmp_path, *SYSTEM_OFF))
    assert_fails(result, "8 MiB of RAM can't be had from the host (Cannot allocate memory)")


def test_an_initrd_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """On this board it is 256 MiB above the base of RAM, and the last 2 MiB are the device tree."""
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"1")
    path = kernel_file(tmp_path, *SYSTEM_OFF)
    refused = boot("--kernel", path, "--initrd", initrd, "--memory", 256)
    assert_fails(refused, "the initial RAM disk needs [0x90000000, 0x90000001), and ")
    assert_fails(refused, "add at least 3 MiB of RAM")
    assert boot("--kernel", path, "--initrd", initrd, "--memory", 259).exit_code == 0


def test_a_kernel_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "Image"
    path.write_bytes(image(image_size=16 << 20))
    refused = boot("--kernel", path, "--memory", 16)
    assert_fails(refused, "the kernel needs [0x80200000, 0x81200000), and the device tree begins")
    assert_fails(refused, "add at least 4 MiB of RAM")


def test_a_guest_that_is_unknown_is_refused() -> None:
    assert_fails(boot("--guest", "sleeper"), "no guest is called 'sleeper'")


def test_no_kernel_at_all_is_refused() -> None:
    assert_fails(boot(), "give either --kernel FILE or --guest NAME (see `main boot --help`)")
