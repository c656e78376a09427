"""The command that boots a kernel and lets it run."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import firmware
from emu import boards
from emu.boards.board import Board
from emu.core.image import Image
from emu.core.ram import Ram
from emu.cpu import find_cpu_model
from emu.devices.vmgenid import Entropy
from emu.errors import BoardError
from emu.machine import Machine
from harness.actions.files import about, read_input
from harness.actions.running import RunOptions, Session
from harness.entropy import SeededEntropy
from harness.guests import guest_symbols
from harness.report.console_stream import ConsoleStream
from harness.report.outcome import print_ending
from harness.report.output import note, stdout_bytes
from harness.report.status_line import StatusLine
from harness.schedules import parse_schedule
from harness.symbols import Symbols

_MEMORY_MIB_MAX = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BootOptions:
    """What the command line says of the machine and its guest.

    Attributes:
        board: its name.
        kernel: an arm64 Image; None for a guest that comes along.
        guest: the name of that guest.
        initrd: the initial RAM disk.
        cpu_model: the processor; None for the board's.
        vcpu_count: number of vCPUs.
        memory_mib: size of RAM.
        schedule: which vCPU runs when, as `parse_schedule` takes it.
        quantum: instructions of a turn.
        bootargs: kernel command line, to which the board adds its own.
        input_path: what arrives at the serial console; `-` is standard input.
        seed: of the entropy, from which the generation id and the guest's TRNG draw.
    """

    board: str
    kernel: Path | None
    guest: str | None
    initrd: Path | None
    cpu_model: str | None
    vcpu_count: int
    memory_mib: int
    schedule: str
    quantum: int
    bootargs: str
    input_path: Path | None
    seed: bytes


def boot_and_run(options: BootOptions, running: RunOptions) -> int:
    """Boot a kernel and run it; the exit status.

    Raises:
        ThawbenchError: the machine can't be had as asked, or what it is to boot can't be used.
        OSError: a file can't be read or written.
    """
    image, path, symbols = _kernel(options)
    initrd = b"" if options.initrd is None else options.initrd.read_bytes()
    status = StatusLine(sys.stderr)
    console = [] if running.stdout_users else [ConsoleStream(stdout_bytes(), status)]
    session = Session(running, listeners=console, status=status, symbols=symbols)
    entropy = SeededEntropy(options.seed)
    with _machine(options, entropy) as machine:
        machine.boot(
            image,
            entropy=entropy,
            initrd=initrd,
            bootargs=options.bootargs,
            image_path=path,
            initrd_path=None if options.initrd is None else str(options.initrd),
        )
        if options.input_path is not None:
            machine.pl011.connect(io.BytesIO(read_input(options.input_path)).read)
        note(f"entropy seed: {options.seed.hex()} (repeat with --entropy {options.seed.hex()})")
        with session:
            machine.events.subscribe(session.listen, without=session.unneeded)
            ending = session.run(machine)
    if ending.powered_off:
        print_ending(ending.found)
    return 0 if ending.powered_off else 1


def _kernel(options: BootOptions) -> tuple[Image, str, Symbols]:
    """The image, where it is from, and the names that come with it."""
    if options.kernel is None:
        guest = firmware.load(options.guest or "")
        return Image.parse(guest.image), f"firmware/{guest.name}", guest_symbols(guest.name)
    with about(options.kernel):
        image = Image.parse(options.kernel.read_bytes())
    return image, str(options.kernel), Symbols()


def _machine(options: BootOptions, entropy: Entropy) -> Machine:
    board = boards.get(options.board)
    return Machine(
        board,
        ram=_ram(board, options.memory_mib),
        cpu_model=None if options.cpu_model is None else find_cpu_model(options.cpu_model),
        vcpu_count=options.vcpu_count,
        schedule=parse_schedule(options.schedule, options.quantum),
        entropy=entropy,
    )


def _ram(board: Board, size_mib: int) -> Ram:
    if size_mib > _MEMORY_MIB_MAX:
        raise BoardError(f"{size_mib} MiB of RAM; give at most {_MEMORY_MIB_MAX} (1 TiB)")
    window = board.ram(size_mib << 20)
    return Ram(window.base, window.size_bytes)
