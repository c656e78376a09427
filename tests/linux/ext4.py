"""Makes file systems of type ext4, and reads files in them, with the programs of e2fsprogs.

An image depends on nothing but what is put into it: ids and the seed of hashes are fixed, times are
0, and the owner is root.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests.linux.entries import Entry

_BLOCK_SIZE_BYTES = 4096
_INODE_SIZE_BYTES = 256
_JOURNAL_MIB = 4
_UUID = "74686177-6265-4e63-8000-000000000001"
# What mke2fs.conf of e2fsprogs 1.46 has for ext4, so that no configuration file matters.
_FEATURES = (
    "sparse_super", "large_file", "filetype", "resize_inode", "dir_index", "ext_attr", "extent",
    "has_journal", "huge_file", "flex_bg", "metadata_csum", "64bit", "dir_nlink", "extra_isize",
)  # fmt: skip
_PROGRAMS = ("mke2fs", "debugfs", "e2fsck")
_SUPERUSER_FOLDERS = ("usr/local/sbin", "usr/sbin", "sbin")
"""Where e2fsprogs is, and a user's path often does not lead."""
_SAYS_VERSION = "debugfs 1."


class ImageError(Exception):
    """A file system can't be made or read; the message is that of the program."""


@dataclass(frozen=True, slots=True)
class E2fsprogs:
    """The programs.

    Attributes:
        programs: the path of each by its name.
        libraries: folders of the libraries that they need besides the machine's, as a path.
    """

    programs: dict[str, str]
    libraries: str = ""

    @classmethod
    def find(cls, root: Path = Path("/")) -> Self | None:
        """Those of this machine, or of packages that were unpacked below a root of their own; None
        if they are not all there.
        """
        folders = [str(root / folder) for folder in _SUPERUSER_FOLDERS]
        is_own = root == Path("/")
        path = os.pathsep.join([*([os.environ.get("PATH", "")] if is_own else []), *folders])
        found = {name: shutil.which(name, path=path) for name in _PROGRAMS}
        programs = {name: place for name, place in found.items() if place is not None}
        libraries = [] if is_own else sorted(map(str, root.glob("**/lib/*-linux-*")))
        if len(programs) < len(_PROGRAMS):
            return None
        return cls(programs, os.pathsep.join(libraries))

    def make(self, image: Path, entries: Iterable[Entry], size_mib: int) -> None:
        """Make a file with a file system that has these files.

        Raises:
            ImageError: it can't be made.
        """
        with image.open("wb") as new:
            new.truncate(size_mib << 20)
        options = {
            "-b": str(_BLOCK_SIZE_BYTES),
            "-I": str(_INODE_SIZE_BYTES),
            "-O": ",".join(("none", *_FEATURES)),
            "-J": f"size={_JOURNAL_MIB}",
            "-U": _UUID,
            "-E": f"hash_seed={_UUID},lazy_itable_init=0,lazy_journal_init=0",
        }
        words = [word for option in options.items() for word in option]
        self._run("mke2fs", "-q", "-F", "-t", "ext4", *words, str(image))
        self._fill(image, entries)
        self.check(image)

    def read(self, image: Path, path: str) -> bytes:
        """The contents of a file.

        Raises:
            ImageError: there is no such file.
        """
        with TemporaryDirectory() as scratch:
            copy = Path(scratch) / "copy"
            self._debugfs(image, [f"dump {path} {copy}"])
            return copy.read_bytes()

    def check(self, image: Path) -> None:
        """Look for whatever is wrong with the file system.

        Raises:
            ImageError: something is.
        """
        self._run("e2fsck", "-f", "-n", str(image))

    # --- inside ------------------------------------------------------------------------------

    def _fill(self, image: Path, entries: Iterable[Entry]) -> None:
        with TemporaryDirectory() as scratch:
            commands = [
                command
                for index, entry in enumerate(entries)
                for command in _commands(entry, Path(scratch) / str(index))
            ]
            self._debugfs(image, commands, "-w")

    def _debugfs(self, image: Path, commands: Sequence[str], *options: str) -> None:
        """Whatever came of its commands debugfs ends well, so what it says is looked at."""
        said = self._run("debugfs", *options, "-f", "-", str(image), text="\n".join(commands))
        errors = [line for line in said.splitlines() if not line.startswith(_SAYS_VERSION)]
        if errors:
            raise ImageError("\n".join(errors))

    def _run(self, program: str, *arguments: str, text: str = "") -> str:
        """What a program says of errors."""
        done = subprocess.run(
            [self.programs[program], *arguments],
            # Times of files are what this says, and with no configuration file none matters.
            env={
                "LC_ALL": "C",
                "E2FSPROGS_FAKE_TIME": "1",
                "MKE2FS_CONFIG": os.devnull,
                "LD_LIBRARY_PATH": self.libraries,
            },
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ImageError(f"{program}: {done.stdout}{done.stderr}")
        return done.stderr


def _commands(entry: Entry, scratch: Path) -> Iterator[str]:
    """What debugfs has to do; contents of a file are first put into `scratch`."""
    path = f"/{entry.path}"
    match stat.S_IFMT(entry.mode):
        case stat.S_IFDIR:
            yield f"mkdir {path}"
        case stat.S_IFLNK:
            yield f"symlink {path} {entry.data.decode()}"
        case stat.S_IFREG:
            scratch.write_bytes(entry.data)
            yield f"write {scratch} {path}"
        case _:
            raise ImageError(f"{path}: files of the mode {entry.mode:o} are not put into an image")
    yield f"set_inode_field {path} mode 0{entry.mode:o}"
