"""Packages of a Debian release, by an apt that keeps all it knows in a folder of ours.

Neither the machine's release, nor its architecture, nor what is installed on it matters, and
nothing needs to be root. What is the machine's own is apt's configuration, so a proxy is used.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tests.linux.apt_sources import AptSource

GUEST_ARCHITECTURE = "arm64"
_FOLDERS = ("etc", "state/lists/partial", "cache/archives/partial", "packages")
_TIMEOUT_S = 300
_SUMMARY = "E: Some index files failed to download"


class UnavailableError(Exception):
    """Something can't be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was downloaded."""

    file: Path
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def read_file(self, pattern: str) -> bytes:
        """The first file whose path matches, such as `./boot/vmlinuz-*`.

        Raises:
            UnavailableError: there is none.
        """
        for _, data in self.files(lambda path: fnmatch(path, pattern)):
            return data
        raise UnavailableError(f"{self} has no file {pattern}")

    def files(self, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
        """Path and contents of each file whose path is wanted."""
        command = ["dpkg-deb", "--fsys-tarfile", str(self.file)]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE) as unpacking,
            tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive,
        ):
            try:
                for member in archive:
                    data = archive.extractfile(member) if is_wanted(member.name) else None
                    if data is not None:
                        yield member.name, data.read()
            finally:
                unpacking.kill()  # else it complains that nobody reads the rest

    def unpack(self, folder: Path) -> None:
        """Put all its files there, in their places below it."""
        subprocess.run(["dpkg-deb", "--extract", str(self.file), str(folder)], check=True)


class Apt:
    """The packages of one release.

    Args:
        folder: an empty folder for all that apt keeps.
        source: where packages are from; its suites are not used.
        release: code name of the release.
        architecture: whom its programs are for, as Debian calls it.

    Raises:
        UnavailableError: apt is not here, or can't get the lists of packages; with its last words.
    """

    def __init__(self, folder: Path, source: AptSource, release: str, architecture: str) -> None:
        self._folder = folder
        self._architecture = architecture
        for part in _FOLDERS:
            (folder / part).mkdir(parents=True, exist_ok=True)
        sources = folder / "etc" / "debian.sources"
        sources.write_text(_deb822_style(source, release, architecture), encoding="utf-8")
        (folder / "state" / "status").touch()
        self._run("apt-get", "update")

    def depends(self, package: str) -> str:
        """The first package that `package` depends on.

        Raises:
            UnavailableError: it depends on none, or there is no such package.
        """
        shown = self._run("apt-cache", "show", "--no-all-versions", package)
        found = re.search(r"^Depends: ([a-z0-9][a-z0-9+.-]+)", shown, re.MULTILINE)
        if found is None:
            raise UnavailableError(f"{package} depends on no package: {shown!r}")
        return found[1]

    def download(self, package: str) -> Package:
        """Get a package.

        Raises:
            UnavailableError: it can't be had.
        """
        self._run("apt-get", "download", package)
        (file,) = (self._folder / "packages").glob(f"{package}_*.deb")
        version = self._run("dpkg-deb", "--field", str(file), "Version").strip()
        return Package(file, package, version)

    # --- inside ------------------------------------------------------------------------------

    def _run(self, program: str, *arguments: str) -> str:
        """What a program prints."""
        if shutil.which(program) is None:
            raise UnavailableError(f"there is no {program} here, as there is on Debian")
        options = _as_arguments(self._options()) if program.startswith("apt") else []
        try:
            done = subprocess.run(
                [program, *options, *arguments],
                cwd=self._folder / "packages",
                env={**os.environ, "LC_ALL": "C"},
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UnavailableError(
                f"{program} {arguments[0]} took more than {_TIMEOUT_S} s"
            ) from None
        if done.returncode:
            raise UnavailableError(f"{program} {arguments[0]}: {_last_error(done.stderr)}")
        return done.stdout

    def _options(self) -> dict[str, str]:
        folder = self._folder
        return {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": str(folder / "etc"),
            "Dir::State": str(folder / "state"),
            "Dir::State::status": str(folder / "state" / "status"),
            "Dir::Cache": str(folder / "cache"),
            "APT::Architecture": self._architecture,
            "APT::Architectures": self._architecture,
            # Else root's apt becomes a user who can't write here.
            "APT::Sandbox::User": "root",
            # Else lists that can't be had are a warning.
            "APT::Update::Error-Mode": "any",
            "Acquire::Languages": "none",
            "Acquire::Retries": "1",
            "Acquire::http::Timeout": "20",
            "Acquire::https::Timeout": "20",
        }


def _as_arguments(options: dict[str, str]) -> Sequence[str]:
    return ["-q", *(part for item in options.items() for part in ("-o", "=".join(item)))]


def _deb822_style(source: AptSource, release: str, architecture: str) -> str:
    fields = {
        "Types": "deb",
        "URIs": " ".join(source.uris),
        "Suites": release,
        "Components": "main",
        "Architectures": architecture,
        "Signed-By": source.signed_by,
        "Trusted": source.trusted,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items() if value)


def _last_error(stderr: str) -> str:
    """The last error that says why; the last line of all, if none is called an error."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E: ") and not line.startswith(_SUMMARY)]
    return (errors or lines or ["it says nothing"])[-1]
