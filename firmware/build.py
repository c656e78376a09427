"""Build the guest images from their sources: `python -m firmware.build`.

One assembler run a guest, no linker, no objcopy: the sources are one section of position
independent code, so gcc's assembler and clang's give the same bytes on every host.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emu.errors import FirmwareError
from firmware import LOAD_ADDRESS, elf, layout

SOURCES = Path(__file__).parent / "src"
IMAGES = Path(__file__).parent / "images"
OBJECT = "guest.o"
FLAGS = ("-c", "-march=armv8-a", "-Wa,--fatal-warnings", "-o", OBJECT)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler that assembles A64: the names it goes by, and the flags that only it needs."""

    name: str
    commands: tuple[str, ...]
    flags: tuple[str, ...] = ()

    def command(self) -> str | None:
        """Path of the first of its commands that is installed."""
        return next(filter(None, map(shutil.which, self.commands)), None)


TOOLCHAINS = (
    Toolchain("gcc", ("aarch64-linux-gnu-gcc", "aarch64-elf-gcc", "aarch64-none-elf-gcc")),
    Toolchain("clang", ("clang",), ("--target=aarch64-none-elf",)),
)


def find_toolchain(name: str | None = None) -> Toolchain:
    """The toolchain called `name`, or the first that is installed.

    Raises:
        FirmwareError: none, or not that one, is installed.
    """
    wanted = [each for each in TOOLCHAINS if name in (None, each.name)]
    for toolchain in wanted:
        if toolchain.command():
            return toolchain
    commands = ", ".join(command for each in wanted for command in each.commands)
    raise FirmwareError(f"no assembler for A64: none of {commands} is on PATH; install one")


@dataclass(frozen=True, slots=True)
class Board:
    """A machine that guests are built for.

    Attributes:
        name: `firmware/src/board_NAME.inc` has its addresses; guests include it as `board.inc`.
        load_address: guest-physical address of an image's first byte.
    """

    name: str
    load_address: int


SQUIB = Board("squib", LOAD_ADDRESS)
"""The board of the images that are checked in."""

QEMU_VIRT = Board("qemu_virt", 0x4020_0000)
"""QEMU's `virt` with a GICv3; `-kernel` puts an Image 2 MiB above the base of RAM."""


def assemble(source: Path, toolchain: Toolchain, board: Board = SQUIB) -> elf.Program:
    """Assemble one guest for `board`, with the include files next to it.

    Raises:
        FirmwareError: the assembler refuses the source, or the result is not self-contained.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in source.parent.iterdir():
            shutil.copy(each, folder)
        shutil.copy(SOURCES / f"board_{board.name}.inc", folder / "board.inc")
        (folder / "layout.inc").write_text(layout.assembler_include(), encoding="ascii")
        command = [toolchain.command() or toolchain.name, *toolchain.flags, *FLAGS, source.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise FirmwareError(f"{toolchain.name} can't assemble {source.name}:\n{done.stderr}")
        return elf.program_of((folder / OBJECT).read_bytes())


def build(source: Path, toolchain: Toolchain, board: Board = SQUIB) -> dict[str, bytes]:
    """The files of one guest for `board`, by file name: its image and its symbol table.

    Raises:
        FirmwareError: see `assemble`.
    """
    program = assemble(source, toolchain, board)
    symbols = {label: f"{board.load_address + at:#x}" for label, at in program.labels.items()}
    table = json.dumps(symbols, indent=1, sort_keys=True) + "\n"
    return {f"{source.stem}.bin": program.code, f"{source.stem}.json": table.encode("ascii")}


def differences(built: Mapping[str, bytes], folder: Path) -> Iterator[str]:
    """A line for each file that `folder` has and that was not built so, or that it lacks."""
    there = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in sorted(built.keys() | there.keys()):
        if name not in there:
            yield f"{name}: missing"
        elif name not in built:
            yield f"{name}: has no source"
        elif built[name] != there[name]:
            yield f"{name}: {_first_difference(there[name], built[name])}"


def _first_difference(old: bytes, new: bytes) -> str:
    pairs = enumerate(zip(old, new, strict=False))
    at = next((n for n, (a, b) in pairs if a != b), min(len(old), len(new)))
    return f"{len(old)} bytes, built {len(new)}; they differ from byte {at:#x} on"


def main(arguments: Sequence[str] | None = None, folder: Path = IMAGES) -> int:
    """The command line. Returns the exit code: 1 if `--check` finds differences, 2 on an error."""
    parser = argparse.ArgumentParser(prog="python -m firmware.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, write nothing")
    parser.add_argument("--toolchain", choices=[each.name for each in TOOLCHAINS])
    options = parser.parse_args(arguments)
    try:
        toolchain = find_toolchain(options.toolchain)
        built: dict[str, bytes] = {}
        for source in sorted(SOURCES.glob("*.s")):
            built |= build(source, toolchain)
    except FirmwareError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = list(differences(built, folder))
    if not options.check:
        for name, data in built.items():
            (folder / name).write_bytes(data)
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if options.check and found else 0


if __name__ == "__main__":
    sys.exit(main())
