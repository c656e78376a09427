"""Guests that check the machine they run on: run one, and read what its checks said.

What a guest prints is the same wherever it runs, so `parse_console` also takes the output of
another emulator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

import firmware
from emu.cpu import CpuModel
from emu.errors import FirmwareError
from emu.machine import Machine, Schedule
from firmware.layout import CheckArguments, CheckResults
from harness.guests import DEFAULT_SCHEDULE, boot_guest

INSTRUCTIONS_MAX: Final = 500_000_000
"""A guest whose checks have not come to an end after so many instructions hangs."""

_CHECK: Final = re.compile(r"(PASS|FAIL|SKIP) ([^\n]+)")
_SUMMARY: Final = re.compile(r"selfcheck: (\d+) passed, (\d+) failed, (\d+) skipped")
_FAILURE: Final = re.compile(r"(.+): (got [0-9a-f]{16}, expected [0-9a-f]{16})")


class Outcome(Enum):
    """How a check went, as its line on the console begins."""

    PASSED = "PASS"
    FAILED = "FAIL"
    SKIPPED = "SKIP"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a guest.

    Attributes:
        name: what was checked.
        detail: of a failure, what was got and expected; of a skipped check, why.
    """

    outcome: Outcome
    name: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.outcome.value} {self.name}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """All that a guest has said of its checks.

    Attributes:
        guest: its name.
        checks: in the order in which they were made.
        finished: it came to its end. If not, it hung or crashed on the way.
    """

    guest: str
    checks: tuple[Check, ...]
    finished: bool

    def of(self, outcome: Outcome) -> tuple[Check, ...]:
        """The checks that went so, in their order."""
        return tuple(check for check in self.checks if check.outcome is outcome)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed, in their order."""
        return self.of(Outcome.FAILED)

    def require_success(self) -> None:
        """Raise `FirmwareError`, with every failure, unless the guest finished without any."""
        if self.finished and not self.failed:
            return
        lines = [f"guest {self.guest}: {len(self.failed)} of {len(self.checks)} checks failed"]
        lines += map(str, self.failed)
        if not self.finished:
            last = self.checks[-1].name if self.checks else "none"
            lines.append(f"it did not finish; its last check was: {last}")
        raise FirmwareError("\n".join(lines))


def parse_console(guest: str, console: str) -> SelfCheck:
    """What the checks of `guest` said, from what it printed.

    Lines that no check prints, and a last line that is cut off, are left alone.

    Raises:
        FirmwareError: the guest's own count of its checks is not that of its lines.
    """
    lines = console.replace("\r", "").split("\n")[:-1]
    checks = tuple(_check(*match.groups()) for line in lines if (match := _CHECK.fullmatch(line)))
    summary = next(filter(None, map(_SUMMARY.fullmatch, lines)), None)
    found = SelfCheck(guest, checks, finished=summary is not None)
    if summary:
        told = tuple(map(int, summary.groups()))
        printed = tuple(len(found.of(outcome)) for outcome in Outcome)
        _require_same(guest, "passed, failed and skipped checks", told, printed)
    return found


def _check(outcome: str, rest: str) -> Check:
    match Outcome(outcome):
        case Outcome.PASSED:
            return Check(Outcome.PASSED, rest)
        case Outcome.FAILED:
            failure = _FAILURE.fullmatch(rest)
            return Check(Outcome.FAILED, *(failure.groups() if failure else (rest,)))
        case Outcome.SKIPPED:
            name, _, reason = rest.rpartition(": ")
            return Check(Outcome.SKIPPED, name, reason)


def _require_same(guest: str, what: str, told: object, printed: object) -> None:
    if told != printed:
        raise FirmwareError(
            f"guest {guest}: {what} are {told} by its own count and {printed} on its console; "
            "the machine loses what is written to memory or to the console"
        )


def run_selfcheck(
    name: str,
    *,
    arguments: CheckArguments | None = None,
    vcpu_count: int = 1,
    schedule: Schedule = DEFAULT_SCHEDULE,
    cpu_model: CpuModel | None = None,
    max_instructions: int = INSTRUCTIONS_MAX,
) -> SelfCheck:
    """Run the guest `name` on a machine of the squib board, up to its end.

    Args:
        name: a guest that checks itself: one of `firmware.self_checking()`.
        arguments: what to ask of it, in place of what its image says.
        vcpu_count: number of vCPUs of the machine.
        schedule: which of them runs when.
        cpu_model: the processor, if not the board's.
        max_instructions: how many all vCPUs together may take.

    Raises:
        FirmwareError: there is no such guest, or memory and console contradict each other.
        BoardError: the board has no room for so many vCPUs.
        ScheduleError: the schedule is not one of so many vCPUs.
        GuestError: the guest did what this machine does not model.
    """
    with boot_guest(name, arguments=arguments, vcpu_count=vcpu_count, schedule=schedule) as machine:
        machine.run(max_instructions)
        return read_selfcheck(machine, name)


def read_selfcheck(machine: Machine, name: str) -> SelfCheck:
    """What the checks of the guest `name` have said so far in `machine`.

    Raises:
        FirmwareError: memory and console contradict each other.
    """
    found = parse_console(name, machine.console.decode("ascii", errors="replace"))
    address = firmware.load(name).symbols[CheckResults.SYMBOL]
    results = CheckResults.from_bytes(machine.ram.read(address, CheckResults.size_bytes()))
    if found.finished:
        printed = tuple(len(found.of(outcome)) for outcome in Outcome)
        told = (results.passed, results.failed, results.skipped)
        _require_same(name, "passed, failed and skipped checks", told, printed)
        _require_same(name, "first failures", results.first_failed, _first_failed(found))
    return found


def _first_failed(found: SelfCheck) -> int:
    """Its number, from 1; 0 if there is none."""
    numbered = enumerate(found.checks, start=1)
    return next((n for n, check in numbered if check.outcome is Outcome.FAILED), 0)
