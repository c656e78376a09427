"""Boots a kernel on a board of ours, without the command line: `python -m tests.bench.booted …`.

It prints one line of JSON, how many instructions the boot took and, with `--account`, where the
time went, and then the console's output, the end of which ends the measurement.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from time import process_time

from emu import boards
from emu.core.image import Image
from emu.core.ram import Ram
from emu.cpu import find_cpu_model
from emu.devices.virtio.block import BlockConfig
from emu.devices.virtio.disk import Disk, FileDisk, OverlayDisk
from emu.machine import Machine, Stop
from harness.entropy import SeededEntropy
from tests.bench.account import accounted

_INSTRUCTIONS_BETWEEN_LOOKS = 1_000_000
"""The console is looked at so often. A listener would notice at once, and slow down the rest."""


def boot(options: argparse.Namespace) -> Machine:
    """A machine with the kernel in it."""
    board = boards.get(options.board)
    window = board.ram(options.memory_mib << 20)
    entropy = SeededEntropy(bytes(32))
    machine = Machine(
        board,
        ram=Ram(window.base, window.size_bytes),
        cpu_model=find_cpu_model(options.cpu_model),
        vcpu_count=options.vcpus,
        entropy=entropy,
        devices=[BlockConfig(id="drive", disk=disk) for disk in _disks(options.drive)],
    )
    machine.boot(
        Image.parse(options.kernel.read_bytes()),
        entropy=entropy,
        initrd=b"" if options.initrd is None else options.initrd.read_bytes(),
        bootargs=options.bootargs,
    )
    return machine


def _disks(drive: Path | None) -> list[Disk]:
    """The drive, whose file stays as it is."""
    return [] if drive is None else [OverlayDisk(FileDisk(drive, is_read_only=True))]


def run_to_mark(machine: Machine, mark: bytes) -> None:
    """Run until `mark` is on the console.

    Raises:
        SystemExit: the guest stopped before.
    """
    stop = Stop.LIMIT
    while mark not in machine.console:
        if stop is not Stop.LIMIT:
            raise SystemExit(f"{stop.value}, and {mark!r} is not on the console")
        stop = machine.run(max_instructions=_INSTRUCTIONS_BETWEEN_LOOKS)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What is to be booted, and how far."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.booted")
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--initrd", type=Path)
    parser.add_argument("--drive", type=Path)
    parser.add_argument("--bootargs", default="")
    parser.add_argument("--board", default="squib")
    parser.add_argument("--cpu-model", default="max")
    parser.add_argument("--vcpus", type=int, default=1)
    parser.add_argument("--memory-mib", type=int, default=512)
    parser.add_argument("--mark", required=True)
    parser.add_argument("--account", action="store_true")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Boot what the arguments say."""
    options = parse(arguments)
    rows: list[tuple[str, int, float]] = []
    with accounted() if options.account else nullcontext() as account:
        machine = boot(options)
        begin = process_time()
        run_to_mark(machine, options.mark.encode())
        if account is not None:
            account.settle(process_time() - begin)
            rows = [(name, entry.count, entry.seconds) for name, entry in account.rows()]
    told = {"instructions": machine.instructions, "rows": rows}
    sys.stdout.buffer.write(json.dumps(told).encode() + b"\n" + machine.console)
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
