"""What a boot starts from: kernels and a busybox, from Debian or by path.

| environment variable | |
|---|---|
| `THAWBENCH_LINUX_CACHE` | folder that keeps what was downloaded |
| `THAWBENCH_DEBIAN_MIRROR` | URI of a Debian archive, in place of the machine's own |
| `THAWBENCH_KERNEL` | paths of arm64 kernels, separated like PATH, in place of Debian's |
| `THAWBENCH_BUSYBOX` | path of a static busybox for arm64, in place of Debian's |
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests.linux import programs
from tests.linux.apt_sources import ETC_APT
from tests.linux.cached import Input, from_path, kept
from tests.linux.debian import E2FSPROGS, Debian
from tests.linux.ext4 import E2fsprogs

RELEASES = ("bookworm", "trixie")
"""Whose kernels are booted: 6.1 and 6.12."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that boots start from.

    Attributes:
        kernels: by name: the release of Debian, or the file's path as it was given.
        modules: the virtio modules of each, by the same name.
        programs: for the guest, of sources that are here, by name.
        busybox: the shell and its tools.
        e2fsprogs: the folder below which its programs are.
    """

    kernels: Mapping[str, Input]
    modules: Mapping[str, Input]
    programs: Mapping[str, Input]
    busybox: Input
    e2fsprogs: Input

    def __str__(self) -> str:
        named = {
            **self.kernels,
            "busybox": self.busybox,
            E2FSPROGS: self.e2fsprogs,
            **self.programs,
        }
        return "\n".join(f"{name}: {found}" for name, found in named.items())

    def to_json(self) -> str:
        """For another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` of another process gave."""
        value = json.loads(text)
        kernels, modules, built = (
            {name: Input(**each) for name, each in value[several].items()}
            for several in ("kernels", "modules", "programs")
        )
        return cls(kernels, modules, built, Input(**value["busybox"]), Input(**value[E2FSPROGS]))


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
    kernels = {str(path): from_path(path) for path in _given(environment, "THAWBENCH_KERNEL")}
    modules = {name: Input(missing="the kernel was given without its modules") for name in kernels}
    busyboxes = [from_path(path) for path in _given(environment, "THAWBENCH_BUSYBOX")]
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache) as scratch:
        debian = Debian(Path(scratch), environment.get("THAWBENCH_DEBIAN_MIRROR", ""), etc_apt)
        for name in [] if kernels else RELEASES:
            kernels[name] = kept(cache / f"Image-{name}", partial(debian.kernel, name))
            modules[name] = kept(cache / f"modules-{name}.cpio", partial(debian.modules, name))
        if not busyboxes:
            busyboxes = [kept(cache / "busybox-static", debian.busybox)]
        return Inputs(
            kernels=kernels,
            modules=modules,
            programs={name: programs.build(name, cache) for name in programs.NAMES},
            busybox=busyboxes[0],
            e2fsprogs=_e2fsprogs(debian, cache),
        )


def _given(environment: Mapping[str, str], variable: str) -> list[Path]:
    return [Path(part) for part in environment.get(variable, "").split(os.pathsep) if part]


def _e2fsprogs(debian: Debian, cache: Path) -> Input:
    """Those of this machine, if it has them."""
    if E2fsprogs.find() is not None:
        return Input("/", "of this machine")
    return debian.e2fsprogs(cache / E2FSPROGS)
