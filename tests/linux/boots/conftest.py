"""Debian's kernels, fetched once for all workers, and sessions that were held at their shells."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.linux.boots.boot import Boot, DeviceBoot, FrozenBoot, path_of, tools_of
from tests.linux.frozen_run import FrozenSetup
from tests.linux.inputs import Inputs, kernel_names, provide
from tests.linux.matrix import (
    BOARDS,
    CHEAP_CPU,
    CPUS,
    OTHER_RELEASES,
    Chosen,
    Configuration,
    DeviceConfiguration,
    FrozenConfiguration,
    enough,
    everything,
    everything_frozen,
    everything_with_devices,
)
from tests.linux.run import Setup

_INPUTS = pytest.StashKey[Inputs]()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Find or fetch what is booted; a worker of xdist is told."""
    worker: dict[str, str] | None = getattr(config, "workerinput", None)
    if worker is not None:
        config.stash[_INPUTS] = Inputs.from_json(worker["linux_inputs"])
    elif not config.option.collectonly:
        config.stash[_INPUTS] = _provide(config)


def _provide(config: pytest.Config) -> Inputs:
    cache = os.environ.get("THAWBENCH_LINUX_CACHE")
    assert config.cache is not None
    try:
        return provide(Path(cache) if cache else config.cache.mkdir("linux"))
    except FileNotFoundError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """All tests of one boot are for the same worker of xdist: it boots for the first of them.

    `--dist loadgroup` would do the same, but pytest-xdist 3.8 groups nothing with pytest 9.2.
    """
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = lambda nodeid: nodeid.rpartition("[")[2]
    return scheduler


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of xdist what there is."""
    node.workerinput["linux_inputs"] = node.config.stash[_INPUTS].to_json()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Which packages are booted, in which versions."""
    found = config.stash.get(_INPUTS, None)
    return [] if found is None else str(found).splitlines()


@pytest.fixture(scope="session")
def inputs(request: pytest.FixtureRequest) -> Inputs:
    """What there is to boot."""
    return request.config.stash[_INPUTS]


def _is_deep() -> bool:
    return os.environ.get("THAWBENCH_PROFILE") == "deep"


def _params(every: Sequence[Chosen]) -> list[Any]:
    """A parameter for each machine of the profile. What takes longest comes first, so that the
    workers end at about the same time.
    """
    chosen = every if _is_deep() else enough(every)
    return [pytest.param(each, id=str(each)) for each in sorted(chosen, key=lambda it: -it.vcpus)]


_BOARDS = (*BOARDS, *OTHER_RELEASES) if _is_deep() else BOARDS
_CPUS_WITH_DEVICES = CPUS if _is_deep() else (CHEAP_CPU,)
_FROZEN = everything_frozen(kernel_names())
_FROZEN_RAM_MIB = 320
"""All of it is written to a file, and digested."""
_FROZEN_LATENCY_US = 1000
"""So long that several devices have something in flight at once."""
_DEVICES = everything_with_devices(kernel_names(), _BOARDS, _CPUS_WITH_DEVICES)


@pytest.fixture(scope="session", params=_params(everything(kernel_names(), _BOARDS)))
def boot(request: pytest.FixtureRequest, inputs: Inputs) -> Boot:
    """Each machine of the profile; skipped where its kernel or busybox can't be had."""
    configuration: Configuration = request.param
    kernel = inputs.kernels[configuration.kernel]
    built = {name: found.path for name, found in inputs.programs.items() if found.path}
    setup = replace(_setup(configuration, inputs), programs=built)
    return Boot(configuration, setup, kernel.origin)


@pytest.fixture(scope="session", params=_params(_DEVICES))
def device_boot(
    request: pytest.FixtureRequest, inputs: Inputs, tmp_path_factory: pytest.TempPathFactory
) -> DeviceBoot:
    """Each machine with virtio devices; skipped where what it needs can't be had."""
    configuration: DeviceConfiguration = request.param
    setup = replace(
        _setup(configuration, inputs),
        modules=path_of(inputs.modules[configuration.kernel]),
        virtio_latency_us=configuration.latency_us,
    )
    return DeviceBoot(
        configuration,
        setup,
        inputs.kernels[configuration.kernel].origin,
        tools=tools_of(inputs),
        vsock=path_of(inputs.programs["vsock"]),
        folder=tmp_path_factory.mktemp("disks"),
    )


@pytest.fixture(
    scope="session",
    params=[pytest.param(it, id=str(it)) for it in (_FROZEN if _is_deep() else _FROZEN[:1])],
)
def frozen_boot(
    request: pytest.FixtureRequest, inputs: Inputs, tmp_path_factory: pytest.TempPathFactory
) -> FrozenBoot:
    """Each machine that is frozen; skipped where what it needs can't be had."""
    configuration: FrozenConfiguration = request.param
    setup = FrozenSetup(
        **asdict(_setup(configuration, inputs))
        | {
            "modules": path_of(inputs.modules[configuration.kernel]),
            "disk": str(tmp_path_factory.mktemp("frozen") / "root.img"),
            "virtio_latency_us": _FROZEN_LATENCY_US,
            "ram_mib": _FROZEN_RAM_MIB,
            "busy": configuration.busy,
        }
    )
    return FrozenBoot(setup, tools_of(inputs), path_of(inputs.programs["vsock"]))


def _setup(configuration: Configuration, inputs: Inputs) -> Setup:
    return Setup(
        board=configuration.board,
        cpu=configuration.cpu,
        vcpus=configuration.vcpus,
        kernel=path_of(inputs.kernels[configuration.kernel]),
        busybox=path_of(inputs.busybox),
    )
