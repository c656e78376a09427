"""Debian's kernels, fetched once for all workers, and sessions that were held at their shells."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.linux.boots.boot import Boot, path_of
from tests.linux.inputs import Inputs, kernel_names, provide
from tests.linux.matrix import BOARDS, OTHER_RELEASES, Configuration, enough, everything
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


def _configurations() -> list[Configuration]:
    if os.environ.get("THAWBENCH_PROFILE") == "deep":
        return everything(kernel_names(), (*BOARDS, *OTHER_RELEASES))
    return enough(everything(kernel_names()))


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(each, id=str(each))
        # What takes longest comes first, so that the workers end at about the same time.
        for each in sorted(_configurations(), key=lambda each: -each.vcpus)
    ],
)
def boot(request: pytest.FixtureRequest, inputs: Inputs) -> Boot:
    """Each machine of the profile; skipped where its kernel or busybox can't be had."""
    configuration: Configuration = request.param
    kernel = inputs.kernels[configuration.kernel]
    setup = Setup(
        board=configuration.board,
        cpu=configuration.cpu,
        vcpus=configuration.vcpus,
        kernel=path_of(kernel),
        busybox=path_of(inputs.busybox),
        threads=inputs.threads.path,
    )
    return Boot(configuration, setup, kernel.origin)
