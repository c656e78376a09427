"""TIME: the guest's counter follows the host's clock, and timers fire as it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.arch.sysregs import BY_NAME
from emu.core.events import Stamped, TimerFired
from emu.machine import Machine, Stop
from emu.snapshot import freeze, thaw
from firmware.layout import Window
from harness.entropy import SeededEntropy
from harness.guests import boot_guest, read_results
from harness.properties import QUIET_RESTORE_PLAN, PropertyViolation, check_time_policy

ELAPSED = st.integers(0, 10) | st.integers(0, 1 << 62)
CNTVCT, CNTV_CVAL = BY_NAME["CNTVCT_EL0"], BY_NAME["CNTV_CVAL_EL0"]


@settings(max_examples=25)
@given(st.integers(0, 1_400), ELAPSED)
def test_time_passes_as_the_hosts_clock_does(quiet: Any, before: int, elapsed: int) -> None:
    """To the tick, whatever the remainder of cycles at the freeze."""
    with quiet()() as machine:
        machine.run(before)
        check_time_policy(machine, elapsed_cycles=elapsed)


@settings(max_examples=10)
@given(st.integers(0, 1_400))
def test_time_stands_still_by_default(quiet: Any, before: int) -> None:
    with quiet()() as machine:
        machine.run(before)
        check_time_policy(machine)


def test_an_offset_is_no_reason_to_jump(quiet: Any) -> None:
    """A test with an offset of zero would not see it forgotten."""
    with quiet()() as machine:
        machine.vcpus[0].set_sysreg(BY_NAME["CNTVOFF_EL2"], 12_345)
        machine.run(900)
        check_time_policy(machine, elapsed_cycles=1_000_003)
        with pytest.raises(PropertyViolation, match="CNTVCT_EL0"):
            check_time_policy(machine, plan=QUIET_RESTORE_PLAN.without("set-system-registers"))


def test_the_hosts_clock_may_be_far_from_zero() -> None:
    with boot_guest("quiet", host_clock=1 << 63) as machine:
        machine.run(500)
        check_time_policy(machine, elapsed_cycles=4)
        assert machine.vcpus[0].get_sysreg(CNTVCT) >= (1 << 63) // 4


def fired(machine: Machine, ticks: list[Stamped]) -> int:
    """How often the virtual timer's line rose until the guest ended."""
    assert machine.run(1_000_000) is Stop.SYSTEM_OFF
    return sum(isinstance(stamped.event, TimerFired) for stamped in ticks)


@pytest.mark.parametrize("mode", list(Window))
@pytest.mark.parametrize("late_ticks", [0, 68, 69, 100, 1 << 40])
def test_deadlines_that_passed_meanwhile_are_made_up_for(
    quiet: Any, mode: Window, late_ticks: int
) -> None:
    """A due timer's line rises once. How many periods have passed the guest finds out itself."""
    with quiet(mode)() as machine:
        machine.run(900)
        (vcpu,) = machine.vcpus
        ticks_left = vcpu.get_sysreg(CNTV_CVAL) - vcpu.get_sysreg(CNTVCT)
        ticks_before = read_results(machine, "quiet").ticks
        later = machine.clock.now() + late_ticks * machine.board.cycles_per_tick
        snapshot = freeze(machine)
    happened: list[Stamped] = []
    with thaw(
        snapshot,
        entropy=SeededEntropy(b"time"),
        plan=QUIET_RESTORE_PLAN,
        host_clock=later,
        listener=happened.append,
    ) as thawed:
        rises_at_once = sum(isinstance(s.event, TimerFired) for s in happened)
        assert rises_at_once == (late_ticks >= ticks_left)
        rises = fired(thawed, happened)
        assert read_results(thawed, "quiet").ticks == 4
    assert 1 <= rises <= 4 - ticks_before


def test_time_that_goes_back_is_given_back_too(quiet: Any) -> None:
    """The policy has no exception: an earlier host clock is an earlier guest."""
    with quiet()() as machine:
        machine.run(900)
        check_time_policy(machine, elapsed_cycles=-400)
