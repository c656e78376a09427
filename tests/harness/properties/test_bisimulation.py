"""BISIM: a freeze and a thaw at any point change nothing of what follows."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.events import TimerFired, WaitStarted
from emu.machine import Machine, Stop
from emu.snapshot import freeze, thaw
from firmware.layout import Window
from harness.entropy import SeededEntropy
from harness.guests import boot_guest
from harness.properties import (
    QUIET_RESTORE_PLAN,
    PropertyViolation,
    check_bisimilar,
    check_deterministic,
)
from harness.properties.bisimulation import Boot
from harness.trace import record, trace_differences

LENGTH = 1_750
"""Instructions that `quiet` runs for with the arguments of the tests, or more."""

ENDS = 1_400
"""The last instruction before which every mode still goes on."""


@given(st.sampled_from(list(Window)), st.integers(0, ENDS), st.integers(0, LENGTH))
def test_quiet_goes_on(quiet: Any, mode: Window, before: int, after: int) -> None:
    check_bisimilar(quiet(mode), before=before, after=after)


@settings(max_examples=15)
@given(st.integers(0, 4_000))
def test_heartbeat_goes_on(before: int) -> None:
    """It prints: the console's output is part of the trace."""
    check_bisimilar(lambda: boot_guest("heartbeat"), before=before)


def boundaries(boot: Boot, kind: type[Any]) -> list[int]:
    """Instructions executed at each event of a kind."""
    found: list[int] = []
    with boot() as machine:
        machine.events.subscribe(
            lambda stamped: machine.stop() if isinstance(stamped.event, kind) else None
        )
        while machine.run() is Stop.REQUESTED:
            found.append(machine.instructions)
    return found


def test_a_timer_that_is_due_at_the_freeze_fires_once(quiet: Any) -> None:
    """Around each deadline: neither lost nor doubled, wherever the boundary falls."""
    fired = boundaries(quiet(Window.DAIF), TimerFired)
    assert len(fired) == 4
    for instructions in fired[:3]:
        for before in range(instructions - 2, instructions + 3):
            check_bisimilar(quiet(Window.DAIF), before=before)


def test_a_guest_that_waits_goes_on(quiet: Any) -> None:
    """A WFI's wait is not carried: the guest looks again, as after any early wake-up."""
    boot = quiet(ticks=8)
    waits = boundaries(boot, WaitStarted)
    assert waits
    for instructions in waits:
        for before in range(instructions - 1, instructions + 2):
            check_bisimilar(boot, before=before)


def exclusive_boundaries(boot: Boot) -> list[int]:
    """Instructions executed when the guest is between an LDXR and its STXR."""
    stxr_mask, stxr = 0xFFE0_FC00, 0xC800_7C00
    found = []
    with boot() as machine:
        for instructions in range(500, ENDS):
            machine.run(instructions - machine.instructions)
            code = machine.ram.read(machine.vcpus[0].engine.pc, 8)
            if any(word & stxr_mask == stxr for word in struct.unpack("<2I", code)):
                found.append(instructions)
    return found


def test_a_guest_between_ldxr_and_stxr_goes_on(quiet: Any) -> None:
    """No format carries the exclusive monitor: the STXR fails and the guest tries again."""
    found = exclusive_boundaries(quiet())
    assert len(found) >= 4
    for before in found:
        check_bisimilar(quiet(), before=before)


@settings(max_examples=15)
@given(st.sampled_from(list(Window)), st.lists(st.integers(1, 300), min_size=2, max_size=5))
def test_a_guest_that_is_moved_again_and_again_goes_on(
    quiet: Any, mode: Window, steps: list[int]
) -> None:
    """Any number of generations, each after some more instructions."""
    boot: Boot = quiet(mode)
    with boot() as whole:
        for step in steps:
            whole.run(step)
            whole.quiesce()
            whole.drive_timer_lines()
        expected = record(whole)
    machine = boot()
    for step in steps:
        with machine:
            machine.run(step)
            snapshot = freeze(machine)
        machine = thaw(snapshot, entropy=SeededEntropy(b"again"), plan=QUIET_RESTORE_PLAN)
    with machine:
        assert list(trace_differences(expected, record(machine))) == []


SCRIPT = """
import hashlib
from firmware.layout import Arguments, Window
from harness.entropy import SeededEntropy
from harness.guests import boot_guest
from harness.trace import record
from emu.snapshot import freeze, thaw

arguments = Arguments(mode=Window.HANDLER, ticks=4, tick_period=100, rounds=1)
with boot_guest("quiet", arguments=arguments) as machine:
    machine.run(900)
    snapshot = freeze(machine)
events = []
with thaw(snapshot, entropy=SeededEntropy(b"two"), listener=events.append) as thawed:
    trace = record(thawed)
told = "\\n".join(map(str, events)) + repr(trace)
print(len(events), hashlib.sha256(told.encode() + snapshot.encode_state()).hexdigest())
"""


def test_two_processes_see_the_same() -> None:
    """Nothing depends on the order of a hash, an address or the time of day."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("4711", "Asia/Tokyo"))
    }
    assert len(printed) == 1
    assert int(printed.pop().split()[0]) > 20


def test_two_machines_are_the_same(quiet: Any) -> None:
    check_deterministic(quiet(Window.PMR))


def test_the_property_sees_a_machine_that_is_not_the_same(quiet: Any) -> None:
    """The fault: entropy that nobody injected."""
    seeds = iter((b"first", b"second"))
    boot: Callable[[], Machine] = lambda: quiet()(entropy=SeededEntropy(next(seeds)))  # noqa: E731
    with pytest.raises(PropertyViolation, match="two runs"):
        check_deterministic(boot)
