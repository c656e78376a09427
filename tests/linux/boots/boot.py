"""A machine that is booted for the first test that asks, and what tests ask of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pytest

from emu import boards
from emu.boards.board import Board
from tests.linux.cached import Input
from tests.linux.device_session import make_root
from tests.linux.ext4 import E2fsprogs
from tests.linux.frozen_run import FrozenSetup
from tests.linux.inputs import Inputs
from tests.linux.matrix import Configuration
from tests.linux.run import Outcome, Setup

_SHOWN_CHARACTERS = 4000
_RELOAD_EVERY = 7
"""Accesses to registers of virtio devices."""


@dataclass
class Boot:
    """A session, held in a process of its own, and once more for who asks.

    Attributes:
        configuration: which machine it is of.
        setup: what is booted.
        kernel_origin: package and version of its kernel.
    """

    configuration: Configuration
    setup: Setup
    kernel_origin: str

    @property
    def board(self) -> Board:
        """The machine's board."""
        return boards.get(self.configuration.board)

    @cached_property
    def first(self) -> Outcome:
        """What came of it."""
        return Outcome.of(self.setup)

    @cached_property
    def second(self) -> Outcome:
        """What came of it the second time."""
        return Outcome.of(self.setup)

    @property
    def shown_last(self) -> str:
        """The end of the console's output."""
        return self.first.console[-_SHOWN_CHARACTERS:]

    def answer(self, step: str) -> str:
        """What the shell answered to a line."""
        assert step in self.first.answers, f"not typed: {step}; last was shown:\n{self.shown_last}"
        return self.first.answers[step]


@dataclass
class DeviceBoot(Boot):
    """One with virtio devices, each time on a disk of its own that holds the same.

    Attributes:
        tools: makes and reads its disk.
        vsock: path of the program made of `vsock.c`.
        folder: an empty folder.
    """

    tools: E2fsprogs
    vsock: str
    folder: Path

    @cached_property
    def first(self) -> Outcome:
        """What came of it."""
        return self._on_own_disk("first")

    @cached_property
    def reloaded(self) -> Outcome:
        """What came of it when states were loaded into their devices again and again."""
        return self._on_own_disk("reloaded", reload_every=_RELOAD_EVERY)

    def image(self, name: str) -> Path:
        """The disk's file, of the run of this name."""
        return self.folder / f"{name}.img"

    def _on_own_disk(self, name: str, reload_every: int = 0) -> Outcome:
        busybox, vsock = Path(self.setup.busybox).read_bytes(), Path(self.vsock).read_bytes()
        make_root(self.tools, self.image(name), busybox, {"vsock": vsock})
        setup = replace(self.setup, disk=str(self.image(name)), reload_every=reload_every)
        return Outcome.of(setup)


@dataclass
class FrozenBoot:
    """A session in the middle of which the machine is frozen, for another one to go on.

    Attributes:
        setup: what is booted; its disk is made when it is.
        tools: makes and reads its disk.
        vsock: path of the program made of `vsock.c`.
    """

    setup: FrozenSetup
    tools: E2fsprogs
    vsock: str

    @cached_property
    def outcome(self) -> Outcome:
        """What came of it, in a process of its own."""
        busybox, vsock = Path(self.setup.busybox).read_bytes(), Path(self.vsock).read_bytes()
        make_root(self.tools, self.image, busybox, {"vsock": vsock})
        return Outcome.of(self.setup, "tests.linux.frozen_run")

    @property
    def image(self) -> Path:
        """The disk's file."""
        return Path(self.setup.disk)

    def answer(self, step: str) -> str:
        """What the shell answered to a line, in whichever machine."""
        shown = self.outcome.console[-_SHOWN_CHARACTERS:]
        assert step in self.outcome.answers, f"not typed: {step}; last was shown:\n{shown}"
        return self.outcome.answers[step]


def path_of(found: Input) -> str:
    """Where the file is; the test is skipped where it can't be had."""
    if found.missing:
        pytest.skip(found.missing)
    return found.path


def tools_of(inputs: Inputs) -> E2fsprogs:
    """The programs of e2fsprogs; the test is skipped where they can't be had."""
    tools = E2fsprogs.find(Path(path_of(inputs.e2fsprogs)))
    assert tools is not None, "they were there when the tests began"
    return tools
