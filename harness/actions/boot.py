"""The command that boots a kernel and lets it run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import firmware
from emu import boards
from emu.boards.board import Board
from emu.boards.squib import SQUIB
from emu.core.image import Image
from emu.core.ports import Entropy
from emu.core.ram import Ram
from emu.cpu import find_cpu_model
from emu.devices.virtio.config import DeviceConfig
from emu.errors import BoardError
from emu.formats.atomic import write_atomic
from emu.machine import Machine
from harness.actions.console_input import ConsoleOptions, console_input, find_sources
from harness.actions.devices import DeviceOptions, device_configs
from harness.actions.files import about
from harness.actions.running import RunOptions, Session
from harness.entropy import SeededEntropy
from harness.guests import guest_symbols
from harness.onlookers import ConsoleFlusher
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
        console: what arrives at its serial console.
        unix_time_s: the host's wall clock at the start, in seconds since 1970.
        devices: virtio devices and the boot timer.
        dtb: where to write the device tree, in place of running; None to run.
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
    console: ConsoleOptions
    unix_time_s: int
    devices: DeviceOptions
    dtb: Path | None
    seed: bytes


def boot_and_run(options: BootOptions, running: RunOptions) -> int:
    """Boot a kernel and run it; the exit status.

    Raises:
        ThawbenchError: the machine can't be had as asked, or what it is to boot can't be used.
        OSError: a file can't be read or written.
    """
    image, path, symbols = _kernel(options)
    initrd = _initrd(options)
    sources = find_sources(options.console, shows_console=not running.stdout_users)
    shows_status = running.shows_status(at_console=sources.keyboard is not None)
    status = StatusLine(sys.stderr if shows_status else None)
    streams = [] if running.stdout_users else [ConsoleStream(stdout_bytes(), status)]
    session = Session(running, listeners=streams, status=status, symbols=symbols)
    entropy = SeededEntropy(options.seed)
    with device_configs(options.devices) as configs, _machine(options, configs, entropy) as machine:
        machine.boot(
            image,
            entropy=entropy,
            initrd=initrd,
            bootargs=options.bootargs,
            image_path=path,
            initrd_path=None if options.initrd is None else str(options.initrd),
        )
        if options.dtb is not None:
            write_atomic(options.dtb, machine.device_tree())
            return 0
        with session, console_input(machine, sources) as attendants:
            note(f"entropy seed: {options.seed.hex()} (repeat with --entropy {options.seed.hex()})")
            machine.events.subscribe(session.listen, without=session.unneeded)
            ending = session.run(machine, *map(ConsoleFlusher, streams), *attendants)
    if ending.is_good:
        for stream in streams:
            stream.end_line()
        print_ending(ending.found)
    return 0 if ending.powered_off else 1


def _kernel(options: BootOptions) -> tuple[Image, str, Symbols]:
    """The image, where it is from, and the names that come with it."""
    if options.kernel is None:
        if boards.get(options.board) is not SQUIB:
            raise BoardError(
                f"the guests that come along know the addresses of squib alone, not those of "
                f"{options.board}; give a --kernel, or --board squib"
            )
        guest = firmware.load(options.guest or "")
        return Image.parse(guest.image), f"firmware/{guest.name}", guest_symbols(guest.name)
    with about(options.kernel):
        image = Image.load(options.kernel)
    if image.is_flat:
        note(f"{options.kernel}: a flat program, as it has no kernel's header; loaded as it is")
    return image, str(options.kernel), Symbols()


def _initrd(options: BootOptions) -> bytes:
    if options.initrd is None:
        return b""
    initrd = options.initrd.read_bytes()
    if not initrd:
        raise BoardError(f"{options.initrd}: the initial RAM disk is empty; leave --initrd out")
    return initrd


def _machine(options: BootOptions, configs: Sequence[DeviceConfig], entropy: Entropy) -> Machine:
    board = boards.get(options.board)
    return Machine(
        board,
        ram=_ram(board, options.memory_mib),
        cpu_model=None if options.cpu_model is None else find_cpu_model(options.cpu_model),
        vcpu_count=options.vcpu_count,
        schedule=parse_schedule(options.schedule, options.quantum),
        entropy=entropy,
        unix_time_s=options.unix_time_s,
        devices=configs,
        equipment=board.equip(
            virtio_count=len(configs), has_boot_timer=options.devices.has_boot_timer
        ),
    )


def _ram(board: Board, size_mib: int) -> Ram:
    if size_mib > _MEMORY_MIB_MAX:
        raise BoardError(f"{size_mib} MiB of RAM; give at most {_MEMORY_MIB_MAX} (1 TiB)")
    window = board.ram(size_mib << 20)
    try:
        return Ram(window.base, window.size_bytes)
    except OSError as error:
        raise BoardError(
            f"{size_mib} MiB of RAM can't be had from the host ({error.strerror}): give less"
        ) from None
