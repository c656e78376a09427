"""What a boot starts from: kernels and a busybox, from Debian or by path.

| environment variable | |
|---|---|
| `THAWBENCH_LINUX_CACHE` | folder that keeps what was downloaded |
| `THAWBENCH_DEBIAN_MIRROR` | URI of a Debian archive, in place of the machine's own |
| `THAWBENCH_KERNEL` | paths of arm64 kernels, separated like PATH, in place of Debian's |
| `THAWBENCH_BUSYBOX` | path of a static busybox for arm64, in place of Debian's |
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Self

from tests.linux.apt import Apt, Package, UnavailableError
from tests.linux.apt_sources import ETC_APT, AptSource, read_sources

RELEASES = ("bookworm", "trixie")
"""Whose kernels are booted: 6.1 and 6.12."""

_KERNEL = "linux-image-cloud-arm64"
_BUSYBOX = "busybox-static"
_BUSYBOX_RELEASE = "bookworm"
_THREADS = Path(__file__).with_name("threads.c")
_COMPILER = "aarch64-linux-gnu-gcc"
_COMPILER_OPTIONS = (
    "-static", "-nostdlib", "-ffreestanding", "-O1", "-mno-outline-atomics", "-fno-stack-protector",
)  # fmt: skip
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_NO_DEBIAN = (
    "this machine's apt has no Debian release among its sources; set THAWBENCH_DEBIAN_MIRROR to "
    "the URI of an archive, or THAWBENCH_KERNEL and THAWBENCH_BUSYBOX to files"
)


@dataclass(frozen=True, slots=True)
class Input:
    """A file to boot with, or why there is none.

    Attributes:
        path: the file; "" if it can't be had.
        origin: package and version that it is from; its path if it was given.
        missing: why it can't be had.
    """

    path: str = ""
    origin: str = ""
    missing: str = ""

    def __str__(self) -> str:
        return self.origin or f"not here: {self.missing}"


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that boots start from.

    Attributes:
        kernels: by name: the release of Debian, or the file's path as it was given.
        busybox: the shell and its tools.
        threads: the program made of `threads.c`.
    """

    kernels: Mapping[str, Input]
    busybox: Input
    threads: Input

    def __str__(self) -> str:
        named = {**self.kernels, "busybox": self.busybox, "threads": self.threads}
        return "\n".join(f"{name}: {found}" for name, found in named.items())

    def to_json(self) -> str:
        """For another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` of another process gave."""
        value = json.loads(text)
        kernels = {name: Input(**kernel) for name, kernel in value["kernels"].items()}
        return cls(kernels, Input(**value["busybox"]), Input(**value["threads"]))


def kernel_names(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The names of the kernels that `provide` looks for."""
    return tuple(map(str, _given(environment, "THAWBENCH_KERNEL"))) or RELEASES


def provide(
    cache: Path, environment: Mapping[str, str] = os.environ, etc_apt: Path = ETC_APT
) -> Inputs:
    """Find everything, and download what is not in `cache`; what can't be had says why.

    Raises:
        FileNotFoundError: a file that the environment names is not there.
    """
    kernels = {str(path): _from_path(path) for path in _given(environment, "THAWBENCH_KERNEL")}
    busyboxes = [_from_path(path) for path in _given(environment, "THAWBENCH_BUSYBOX")]
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache) as scratch:
        debian = _Debian(Path(scratch), environment.get("THAWBENCH_DEBIAN_MIRROR", ""), etc_apt)
        if not kernels:
            for release in RELEASES:
                get = partial(debian.kernel, release)
                kernels[release] = _from_debian(cache / f"Image-{release}", get)
        if not busyboxes:
            busyboxes = [_from_debian(cache / _BUSYBOX, debian.busybox)]
    return Inputs(kernels, busyboxes[0], _build_threads(cache / "threads"))


def _given(environment: Mapping[str, str], variable: str) -> list[Path]:
    return [Path(part) for part in environment.get(variable, "").split(os.pathsep) if part]


def _from_path(path: Path) -> Input:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}, which the environment names")
    return Input(str(path.absolute()), str(path))


@dataclass(frozen=True, slots=True)
class _Extracted:
    """A file of a package."""

    origin: str
    data: bytes


def _from_debian(path: Path, get: Callable[[], _Extracted]) -> Input:
    """The file at `path`, if it is whole; else it is got again, and put there with a note beside it
    of where it is from.
    """
    note = path.with_name(f"{path.name}.json")
    if path.is_file() and note.is_file():
        noted = json.loads(note.read_text(encoding="utf-8"))
        if noted["sha256"] == _sha256(path.read_bytes()):
            return Input(str(path), noted["origin"])
    try:
        found = get()
    except UnavailableError as error:
        return Input(missing=str(error))
    _write_whole(path, found.data)
    noted = {"origin": found.origin, "sha256": _sha256(found.data)}
    _write_whole(note, json.dumps(noted).encode())
    return Input(str(path), found.origin)


def _build_threads(path: Path) -> Input:
    if shutil.which(_COMPILER) is None:
        return Input(missing=f"{_COMPILER} is not in the path")
    with TemporaryDirectory(dir=path.parent) as scratch:
        program = Path(scratch) / path.name
        command = [_COMPILER, *_COMPILER_OPTIONS, "-o", str(program), str(_THREADS)]
        subprocess.run(command, check=True)
        program.replace(path)
    return Input(str(path), _THREADS.name)


class _Debian:
    """Debian's archive, of which only what is asked for is downloaded.

    Args:
        folder: where downloads go.
        mirror: URI of the archive; "" for where the machine gets its own packages from.
        etc_apt: where the machine says what that is.
    """

    def __init__(self, folder: Path, mirror: str, etc_apt: Path) -> None:
        self._folder = folder
        self._mirror = mirror
        self._etc_apt = etc_apt
        self._releases: dict[str, Apt | UnavailableError] = {}

    def kernel(self, release: str) -> _Extracted:
        """The kernel's Image; raises `UnavailableError`."""
        apt = self._release(release)
        package = apt.download(apt.depends(_KERNEL))
        return _extracted(package, "./boot/vmlinuz-*")

    def busybox(self) -> _Extracted:
        """The program; raises `UnavailableError`."""
        package = self._release(_BUSYBOX_RELEASE).download(_BUSYBOX)
        return _extracted(package, "./*bin/busybox")

    def _release(self, name: str) -> Apt:
        """Asked for once: what can't be reached takes long to say so."""
        if name not in self._releases:
            try:
                self._releases[name] = Apt(self._folder / name, self._source(), name)
            except UnavailableError as error:
                self._releases[name] = error
        found = self._releases[name]
        if isinstance(found, UnavailableError):
            raise found
        return found

    def _source(self) -> AptSource:
        if self._mirror:
            keyring = str(_KEYRING) if _KEYRING.is_file() else ""
            return AptSource((self._mirror,), signed_by=keyring)
        for source in read_sources(self._etc_apt):
            if source.is_debian:
                return source
        raise UnavailableError(_NO_DEBIAN)


def _extracted(package: Package, pattern: str) -> _Extracted:
    return _Extracted(f"{package.name} {package.version}", package.read_file(pattern))


def _write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all, whatever other processes do at the same time."""
    with NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        scratch.write(data)
    Path(scratch.name).replace(path)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
