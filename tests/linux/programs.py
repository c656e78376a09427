"""Builds the programs for the guest that need no C library."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.linux.cached import Input

NAMES = ("threads", "vsock")

_COMPILER = "aarch64-linux-gnu-gcc"
_OPTIONS = (
    "-static", "-nostdlib", "-ffreestanding", "-O1", "-mno-outline-atomics", "-fno-stack-protector",
    "-Wall", "-Wextra", "-Werror",
)  # fmt: skip


def build(name: str, folder: Path) -> Input:
    """The program made of `NAME.c`, in `folder`."""
    if shutil.which(_COMPILER) is None:
        return Input(missing=f"{_COMPILER} is not in the path")
    source = Path(__file__).with_name(f"{name}.c")
    with TemporaryDirectory(dir=folder) as scratch:
        program = Path(scratch) / name
        subprocess.run([_COMPILER, *_OPTIONS, "-o", str(program), str(source)], check=True)
        program.replace(folder / name)
    return Input(str(folder / name), source.name)
