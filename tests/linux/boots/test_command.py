"""`thawbench boot` in a pipe, as a script uses it: a kernel, an initrd and a file that is typed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.linux import initramfs
from tests.linux.boots.boot import path_of
from tests.linux.inputs import Inputs
from tests.linux.matrix import BOARDS

COMMAND_LINE = "from harness.cli import main; main()"
INPUT = "echo 6 times 7 is $((6 * 7))\npoweroff -f\n"


@pytest.mark.parametrize("board", BOARDS)
def test_the_command_boots_types_and_ends_well(board: str, inputs: Inputs, tmp_path: Path) -> None:
    """The console is on stdout, stderr has two notes and no status line, and the status is 0."""
    kernel = next(iter(inputs.kernels.values()))
    initrd = tmp_path / "initrd"
    initrd.write_bytes(initramfs.build(Path(path_of(inputs.busybox)).read_bytes()))
    options = {
        "--board": board,
        "--kernel": path_of(kernel),
        "--initrd": initrd,
        "--cpu": "cortex-a72",
        "--append": "cryptomgr.notests",
        "--input": "-",
        "--entropy": "00",
        "--max-insns": 2_000_000_000,
    }
    arguments = [str(part) for option in options.items() for part in option]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND_LINE, "boot", *arguments],
        input=INPUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("[    0.000000] Booting Linux on physical CPU 0x0")
    assert "6 times 7 is 42" in lines
    assert lines[-1].endswith("reboot: Power down")
    assert re.fullmatch(
        r"thawbench: note: entropy seed: 00 \(repeat with --entropy 00\)\n"
        r"thawbench: note: the guest powered off, after [\d,]+ instructions, at [\d.]+ ms of "
        r"virtual time\n",
        done.stderr,
    )
