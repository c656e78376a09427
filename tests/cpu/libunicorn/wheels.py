"""The shared libraries in Unicorn's wheels, for each platform there is one for."""

from __future__ import annotations

import platform
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from emu.cpu.engine.library import UNICORN_VERSION


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel, by pip's platform tag, and the computers it is for."""

    tag: str
    system: str
    machine: str
    library: str

    @property
    def is_of_this_computer(self) -> bool:
        """Whether pip might have installed it here."""
        return (sys.platform, platform.machine().lower()) == (self.system, self.machine)


MACOS = (
    Wheel("macosx_11_0_x86_64", "darwin", "x86_64", "libunicorn.2.dylib"),
    Wheel("macosx_11_0_arm64", "darwin", "arm64", "libunicorn.2.dylib"),
)
LINUX = (
    Wheel("manylinux2014_x86_64", "linux", "x86_64", "libunicorn.so.2"),
    Wheel("manylinux2014_aarch64", "linux", "aarch64", "libunicorn.so.2"),
    Wheel("musllinux_1_2_x86_64", "linux", "x86_64", "libunicorn.so.2"),
    Wheel("musllinux_1_2_aarch64", "linux", "aarch64", "libunicorn.so.2"),
)
WINDOWS = Wheel("win_amd64", "win32", "amd64", "unicorn.dll")


class UnavailableError(Exception):
    """The wheel can't be had here."""


def download(wheel: Wheel, directory: Path) -> Path:
    """The library of a wheel, put into `directory` unless it is there already.

    Raises:
        UnavailableError: pip can't get it.
    """
    library = directory / f"{wheel.tag}-{wheel.library}"
    if not library.exists():
        with TemporaryDirectory(dir=directory) as scratch:
            file = _pip_download(wheel.tag, Path(scratch))
            with zipfile.ZipFile(file) as archive:
                member = archive.extract(f"unicorn/lib/{wheel.library}", scratch)
            # Whole or not at all, whatever other processes do at the same time.
            Path(member).replace(library)
    return library


def _pip_download(tag: str, directory: Path) -> Path:
    options = ("--quiet", "--retries=1", "--no-deps", "--only-binary=:all:", f"--platform={tag}")
    command = [sys.executable, "-m", "pip", "download", *options, f"unicorn=={UNICORN_VERSION}"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError((done.stderr.splitlines() or ["pip says nothing"])[-1])
    return next(directory.glob("*.whl"))
