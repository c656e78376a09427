"""Kernels and their modules come from Debian by apt, or by path; what can't be had says why."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.linux.inputs import Inputs, kernel_names, provide

KERNEL, BUSYBOX = b"a kernel", b"a busybox"
MODULE = b"\0depends=\0"
CLOCK_IS_WRONG = """\
E: Release file for file:/debian/InRelease is not valid yet (invalid for another 2h 3min 9s). \
Updates for this repository will not be applied.
"""
NO_NETWORK = """\
W: Something else.
E: Failed to fetch file:/debian/InRelease  Could not connect
E: Some index files failed to download. They have been ignored, or old ones used instead.
"""

needs_apt = pytest.mark.skipif(
    not all(map(shutil.which, ("apt-get", "apt-cache", "dpkg-deb"))), reason="there is no apt here"
)


@dataclass
class Archive:
    """A small Debian archive on this disk, of the packages that are asked for."""

    root: Path

    def build(self) -> None:
        """Make it anew, with both releases."""
        shutil.rmtree(self.root, ignore_errors=True)
        for release, version in (("bookworm", "6.1.0-9"), ("trixie", "6.12.1")):
            image = f"linux-image-{version}-cloud-arm64"
            pool = self.root / "pool" / release
            records = [
                self._package(pool, "linux-image-cloud-arm64", {}, depends=f"{image} (= 1)"),
                self._package(pool, image, self._kernel_files(release, version)),
                self._package(pool, "busybox-static", {"bin/busybox": BUSYBOX}),
            ]
            self._release(release, "\n".join(records))

    def _kernel_files(self, release: str, version: str) -> dict[str, bytes]:
        modules = f"usr/lib/modules/{version}/kernel/drivers"
        return {
            f"boot/vmlinuz-{version}": KERNEL + release.encode(),
            f"{modules}/virtio/virtio_mmio.ko": MODULE,
            f"{modules}/net/dummy.ko": MODULE,
        }

    def _package(self, pool: Path, name: str, files: dict[str, bytes], depends: str = "") -> str:
        """Build a package; its record in the list of packages."""
        tree = pool / name
        for path, data in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(data)
        (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
        control = f"Package: {name}\nVersion: 1\nArchitecture: arm64\nMaintainer: nobody\n"
        control += f"Depends: {depends}\n" if depends else ""
        (tree / "DEBIAN" / "control").write_text(f"{control}Description: none\n")
        file = pool / f"{name}_1_arm64.deb"
        subprocess.run(["dpkg-deb", "--build", tree, file], check=True, capture_output=True)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        size = file.stat().st_size
        filename = file.relative_to(self.root)
        return f"{control}Filename: {filename}\nSize: {size}\nSHA256: {digest}\n"

    def _release(self, name: str, records: str) -> None:
        folder = self.root / "dists" / name
        index = folder / "main" / "binary-arm64" / "Packages"
        index.parent.mkdir(parents=True)
        index.write_text(records)
        digest = hashlib.sha256(index.read_bytes()).hexdigest()
        (folder / "Release").write_text(
            f"Codename: {name}\nDate: Sat, 01 Jan 2000 00:00:00 UTC\n"
            f"Architectures: arm64\nComponents: main\nSHA256:\n"
            f" {digest} {index.stat().st_size} main/binary-arm64/Packages\n"
        )

    def provide(self, cache: Path) -> Inputs:
        """What there is on a machine whose apt uses this archive."""
        etc = self.root.parent / "etc"
        etc.mkdir(exist_ok=True)
        (etc / "sources.list").write_text(f"deb [trusted=yes] file:{self.root} bookworm main\n")
        return provide(cache, {}, etc)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "debian")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@needs_apt
def test_the_package_that_debian_s_meta_package_depends_on_is_unpacked(
    archive: Archive, cache: Path
) -> None:
    """For arm64, of both releases, whatever release and architecture this machine has."""
    archive.build()
    found = archive.provide(cache)
    assert [(name, kernel.origin) for name, kernel in found.kernels.items()] == [
        ("bookworm", "linux-image-6.1.0-9-cloud-arm64 1"),
        ("trixie", "linux-image-6.12.1-cloud-arm64 1"),
    ]
    assert Path(found.kernels["trixie"].path).read_bytes() == KERNEL + b"trixie"
    assert Path(found.busybox.path).read_bytes() == BUSYBOX
    assert "trixie: linux-image-6.12.1-cloud-arm64 1\n" in str(found)
    assert Inputs.from_json(found.to_json()) == found


@needs_apt
def test_the_virtio_modules_are_of_the_same_package(archive: Archive, cache: Path) -> None:
    archive.build()
    found = archive.provide(cache).modules["trixie"]
    assert found.origin == "linux-image-6.12.1-cloud-arm64 1"
    unpacked = Path(found.path).read_bytes()
    assert b"virtio_mmio.ko" in unpacked
    assert b"dummy" not in unpacked


@needs_apt
def test_what_is_in_the_cache_is_not_got_again_unless_it_was_damaged(
    archive: Archive, cache: Path
) -> None:
    archive.build()
    found = archive.provide(cache)
    shutil.rmtree(archive.root)
    assert archive.provide(cache) == found
    kernel = Path(found.kernels["bookworm"].path)
    kernel.write_bytes(KERNEL[:-1])
    assert archive.provide(cache).kernels["bookworm"].missing
    archive.build()
    assert archive.provide(cache) == found
    assert kernel.read_bytes() == KERNEL + b"bookworm"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            CLOCK_IS_WRONG,
            "E: Release file for file:/debian/InRelease is not valid yet (invalid for",
        ),
        (NO_NETWORK, "E: Failed to fetch file:/debian/InRelease  Could not connect"),
        ("killed", "killed"),
        ("", "it says nothing"),
    ],
)
def test_what_apt_said_last_is_the_reason(
    said: str, reason: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong clock, no network: nothing that is wrong with the machine, so nothing fails."""
    apt = tmp_path / "apt-get"
    apt.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 100\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = provide(cache, {"THAWBENCH_DEBIAN_MIRROR": "file:/debian"})
    asked = (*found.kernels.values(), *found.modules.values(), found.busybox)
    assert all(reason in each.missing for each in asked)


def test_without_apt_that_is_the_reason(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = provide(cache, {"THAWBENCH_DEBIAN_MIRROR": "file:/debian"})
    assert found.busybox.missing == "there is no apt-get here, as there is on Debian"
    assert {each.missing for each in found.programs.values()} == {
        "aarch64-linux-gnu-gcc is not in the path"
    }


def test_a_machine_that_is_no_debian_is_told_what_to_set(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "sources.list").write_text("deb file:/ubuntu noble main\n")
    found = provide(cache, {}, tmp_path)
    assert "set THAWBENCH_DEBIAN_MIRROR" in found.busybox.missing


def test_files_that_are_given_are_taken_as_they_are(tmp_path: Path, cache: Path) -> None:
    """Then nothing is asked of any archive."""
    for name in ("a/Image", "b/Image", "busybox"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    kernels = (str(tmp_path / "a" / "Image"), str(tmp_path / "b" / "Image"))
    given = {
        "THAWBENCH_KERNEL": ":".join(kernels),
        "THAWBENCH_BUSYBOX": str(tmp_path / "busybox"),
    }
    found = provide(cache, given, tmp_path)
    assert kernel_names(given) == kernels == tuple(found.kernels)
    assert found.kernels[kernels[1]].path == kernels[1]
    assert found.modules[kernels[1]].missing == "the kernel was given without its modules"
    assert found.busybox.path == str(tmp_path / "busybox")


def test_a_file_that_is_given_and_not_there_is_an_error(cache: Path) -> None:
    """A slip of the pen is not to look like a machine without Debian."""
    with pytest.raises(FileNotFoundError, match="there is no file nowhere"):
        provide(cache, {"THAWBENCH_KERNEL": "nowhere"})
