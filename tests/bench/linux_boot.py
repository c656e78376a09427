"""How long a Linux takes to boot, beside QEMU: `python -m tests.bench.linux_boot --kernel IMAGE`.

The same image, initial RAM disk and command line go to QEMU, which counts instructions too
(`-icount`), and to our machine, by turns, each until the same line is on its console.
What is compared is the CPU time of the whole process, its start included, so that a busy host
matters less: the median of the rounds. Where the time goes is told of one more run, in which each
thing is timed.

With `--drive FILE` each has a virtio-blk device, whose file stays as it is. Then, with virtio's
modules in the initial RAM disk, `root=/dev/vda` among `--bootargs` and the kernel's line on the
mount as `--mark`, it is measured how long it takes until the root is mounted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from tests.bench.until import Measured, run_until

BOOTARGS = "panic=-1 cryptomgr.notests"
"""To which a board adds its console; QEMU does so by its device tree."""
MARK = "Run /init as init process"
YARDSTICK = "QEMU cortex-a72"
COMMAND = "thawbench boot"
OURS = {
    "thawbench cortex-a72": ("squib", "cortex-a72"),
    "thawbench max": ("squib", "max"),
    "thawbench max on firecracker": ("firecracker", "max"),
}
"""Board and CPU model, by name. KVM hides pointer authentication from Firecracker's guests."""
_ROWS_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What is booted.

    Attributes:
        kernel: file of an arm64 Image.
        initrd: file of the initial RAM disk, or None.
        drive: file behind a virtio-blk device, or None.
        bootargs: the kernel command line.
        mark: what is on the console at the end.
        vcpu_count: number of vCPUs.
        memory_mib: size of RAM.
    """

    kernel: Path
    initrd: Path | None = None
    drive: Path | None = None
    bootargs: str = BOOTARGS
    mark: str = MARK
    vcpu_count: int = 1
    memory_mib: int = 512

    def qemu(self, cpu_model: str) -> list[str]:
        """QEMU's command line."""
        return [
            *("qemu-system-aarch64", "-M", "virt", "-cpu", cpu_model),
            *("-icount", "shift=0,sleep=off"),
            *("-smp", str(self.vcpu_count), "-m", str(self.memory_mib)),
            *("-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"),
            *("-kernel", str(self.kernel), "-append", self.bootargs),
            *([] if self.initrd is None else ["-initrd", str(self.initrd)]),
            *([] if self.drive is None else _qemu_drive(self.drive)),
        ]

    def library(self, board: str, cpu_model: str) -> list[str]:
        """A machine of ours, used as a library."""
        return [
            *(sys.executable, "-m", "tests.bench.booted", "--mark", self.mark),
            *("--board", board, "--cpu-model", cpu_model, "--bootargs", self.bootargs),
            *("--memory-mib", str(self.memory_mib), *self._files_and_vcpus()),
            *([] if self.drive is None else ["--drive", str(self.drive)]),
        ]

    def command_line(self, board: str, cpu_model: str) -> list[str]:
        """A machine of ours, by `thawbench boot`, which records events for its report."""
        return [
            *(sys.executable, "-c", "from harness.cli import main; main()", "boot"),
            *("--board", board, "--cpu", cpu_model, "--append", self.bootargs),
            *("--memory", str(self.memory_mib), *self._files_and_vcpus()),
            *([] if self.drive is None else ["--drive", f"drive={self.drive}"]),
        ]

    def _files_and_vcpus(self) -> list[str]:
        initrd = [] if self.initrd is None else ["--initrd", str(self.initrd)]
        return ["--kernel", str(self.kernel), *initrd, "--vcpus", str(self.vcpu_count)]

    def contestants(self) -> dict[str, list[str]]:
        """All that are compared, by name; QEMU's `max` tells what its signatures cost there."""
        return {
            YARDSTICK: self.qemu("cortex-a72"),
            "QEMU max": self.qemu("max"),
            **{name: self.library(*machine) for name, machine in OURS.items()},
            COMMAND: self.command_line("squib", "cortex-a72"),
        }


def _qemu_drive(path: Path) -> list[str]:
    """A virtio-blk device over MMIO, in the version that is virtio 1.2's."""
    return [
        *("-global", "virtio-mmio.force-legacy=false"),
        *("-drive", f"if=none,id=drive,format=raw,snapshot=on,file={path}"),
        *("-device", "virtio-blk-device,drive=drive"),
    ]


@dataclass(frozen=True, slots=True)
class Told:
    """What our machine says of its boot.

    Attributes:
        instructions: executed by all vCPUs.
        rows: what was done, how often, and how many seconds that took.
    """

    instructions: int
    rows: tuple[tuple[str, int, float], ...]

    @classmethod
    def by(cls, measured: Measured) -> Told:
        """The first line of the output, which has it all."""
        told = json.loads(measured.output.split(b"\n", 1)[0])
        return cls(told["instructions"], tuple((*row,) for row in told["rows"]))


def measure(
    contestants: Mapping[str, Sequence[str]], mark: str, rounds: int
) -> dict[str, list[Measured]]:
    """Run all of them by turns, so often."""
    results: dict[str, list[Measured]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, command in contestants.items():
            results[name].append(run_until(command, mark.encode()))
    return results


def times_table(results: Mapping[str, Sequence[Measured]]) -> Table:
    """CPU time and the like, by contestant."""
    table = Table("to init", "CPU, s", "least", "wall, s", "x QEMU", "M insns", "MIPS", box=None)
    yardstick_s = median(run.cpu_s for run in results[YARDSTICK])
    for name, runs in results.items():
        cpu_s = median(run.cpu_s for run in runs)
        cells = [f"{cpu_s:.2f}", f"{min(run.cpu_s for run in runs):.2f}"]
        cells += [f"{median(run.wall_s for run in runs):.2f}", f"{cpu_s / yardstick_s:.2f}"]
        if name in OURS:
            instructions = Told.by(runs[0]).instructions
            cells += [f"{instructions / 1e6:.0f}", f"{instructions / cpu_s / 1e6:.0f}"]
        table.add_row(name, *cells)
    return table


def account_table(name: str, told: Told) -> Table:
    """Where the time went."""
    table = Table(f"{name}: where the time goes", "times", "s", "µs each", "share", box=None)
    total_s = sum(seconds for _, _, seconds in told.rows)
    shown, rest = told.rows[:_ROWS_SHOWN], told.rows[_ROWS_SHOWN:]
    if rest:
        shown += (("all else", sum(row[1] for row in rest), sum(row[2] for row in rest)),)
    for what, count, seconds in shown:
        each = f"{seconds / count * 1e6:.1f}"
        table.add_row(what, f"{count:,}", f"{seconds:.3f}", each, f"{seconds / total_s:.1%}")
    return table


def tables(boot: Boot, rounds: int) -> Iterator[Table]:
    """All that is measured."""
    yield times_table(measure(boot.contestants(), boot.mark, rounds))
    for name, machine in OURS.items():
        accounted = run_until([*boot.library(*machine), "--account"], boot.mark.encode())
        yield account_table(name, Told.by(accounted))


def main(arguments: Sequence[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.linux_boot")
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--initrd", type=Path)
    parser.add_argument("--drive", type=Path, help="a file behind a virtio-blk device")
    parser.add_argument("--bootargs", default=BOOTARGS)
    parser.add_argument("--mark", default=MARK, help="the line on the console that ends a run")
    parser.add_argument("--vcpus", type=int, default=1)
    parser.add_argument("--memory-mib", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    boot = Boot(
        kernel=options.kernel,
        initrd=options.initrd,
        drive=options.drive,
        bootargs=options.bootargs,
        mark=options.mark,
        vcpu_count=options.vcpus,
        memory_mib=options.memory_mib,
    )
    console = Console(highlight=False, width=100)
    for table in tables(boot, options.rounds):
        console.print(table, "")


if __name__ == "__main__":
    main(sys.argv[1:])
