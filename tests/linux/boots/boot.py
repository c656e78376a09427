"""A machine that is booted for the first test that asks, and what tests ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pytest

from emu import boards
from emu.boards.board import Board
from tests.linux.inputs import Input
from tests.linux.matrix import Configuration
from tests.linux.run import Outcome, Setup

_SHOWN_CHARACTERS = 4000


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


def path_of(found: Input) -> str:
    """Where the file is; the test is skipped where it can't be had."""
    if found.missing:
        pytest.skip(found.missing)
    return found.path
