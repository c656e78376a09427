"""What boots need of Debian's archive."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.linux import modules
from tests.linux.apt import GUEST_ARCHITECTURE, Apt, Package, UnavailableError
from tests.linux.apt_sources import AptSource, read_sources
from tests.linux.cached import Extracted, Input

E2FSPROGS = "e2fsprogs"

_KERNEL = "linux-image-cloud-arm64"
_BUSYBOX = "busybox-static"
_TOOLS_RELEASE = "bookworm"
"""The oldest release in question: its programs run on later ones too."""
_E2FSPROGS_AND_LIBRARIES = (
    E2FSPROGS, "libext2fs2", "libcom-err2", "libss2", "libblkid1", "libuuid1",
)  # fmt: skip
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_NO_DEBIAN = (
    "this machine's apt has no Debian release among its sources; set THAWBENCH_DEBIAN_MIRROR to "
    "the URI of an archive, or THAWBENCH_KERNEL and THAWBENCH_BUSYBOX to files"
)


class Debian:
    """Debian's archive, of which only what is asked for is downloaded, and that once.

    Args:
        folder: where downloads go.
        mirror: URI of the archive; "" for where the machine gets its own packages from.
        etc_apt: where the machine says what that is.
    """

    def __init__(self, folder: Path, mirror: str, etc_apt: Path) -> None:
        self._folder = folder
        self._mirror = mirror
        self._etc_apt = etc_apt
        self._releases: dict[tuple[str, str], Apt | UnavailableError] = {}
        self._kernels: dict[str, Package] = {}

    def kernel(self, release: str) -> Extracted:
        """The kernel's Image; raises `UnavailableError`."""
        package = self._kernel_package(release)
        return Extracted(str(package), package.read_file("./boot/vmlinuz-*"))

    def modules(self, release: str) -> Extracted:
        """That kernel's virtio modules, as an archive; raises `UnavailableError`."""
        package = self._kernel_package(release)
        return Extracted(str(package), modules.archive(package.files(modules.is_wanted)))

    def busybox(self) -> Extracted:
        """The program; raises `UnavailableError`."""
        package = self._release(_TOOLS_RELEASE, GUEST_ARCHITECTURE).download(_BUSYBOX)
        return Extracted(str(package), package.read_file("./*bin/busybox"))

    def e2fsprogs(self, folder: Path) -> Input:
        """The programs for this machine, with the libraries that they need, unpacked there."""
        if not folder.is_dir():
            try:
                self._unpack_e2fsprogs(folder)
            except UnavailableError as error:
                return Input(missing=str(error))
        return Input(str(folder), f"{E2FSPROGS} of {_TOOLS_RELEASE}")

    # --- inside ------------------------------------------------------------------------------

    def _kernel_package(self, release: str) -> Package:
        if release not in self._kernels:
            apt = self._release(release, GUEST_ARCHITECTURE)
            self._kernels[release] = apt.download(apt.depends(_KERNEL))
        return self._kernels[release]

    def _unpack_e2fsprogs(self, folder: Path) -> None:
        apt = self._release(_TOOLS_RELEASE, _architecture_of_this_machine())
        scratch = self._folder / E2FSPROGS
        for name in _E2FSPROGS_AND_LIBRARIES:
            apt.download(name).unpack(scratch)
        scratch.rename(folder)

    def _release(self, name: str, architecture: str) -> Apt:
        """Asked for once: what can't be reached takes long to say so."""
        key = name, architecture
        if key not in self._releases:
            folder = self._folder / "-".join(key)
            try:
                self._releases[key] = Apt(folder, self._source(), name, architecture)
            except UnavailableError as error:
                self._releases[key] = error
        found = self._releases[key]
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


def _architecture_of_this_machine() -> str:
    if shutil.which("dpkg") is None:
        raise UnavailableError("mke2fs is not in the path, and this is no Debian to get it for")
    command = ["dpkg", "--print-architecture"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
