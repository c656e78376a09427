"""Properties of time: the guest's clock is what the time policy says."""

from __future__ import annotations

from emu.arch.sysregs import BY_NAME
from emu.machine import Machine
from emu.snapshot import Plan, freeze, thaw
from harness.entropy import SeededEntropy
from harness.properties.bisimulation import through_bytes
from harness.properties.round_trip import QUIET_RESTORE_PLAN
from harness.properties.violation import expect_none

_COUNTERS = ("CNTVCT_EL0", "CNTPCT_EL0")
_MASK64 = (1 << 64) - 1


def check_time_policy(
    machine: Machine, *, elapsed_cycles: int | None = None, plan: Plan = QUIET_RESTORE_PLAN
) -> None:
    """TIME: over a restore the guest's counters advance as much as the host's clock, to the tick.

    Args:
        machine: is frozen.
        elapsed_cycles: by how much the host's clock is later at the thaw; None to leave it to the
            default, which is not at all.
        plan: how to thaw.
    """
    before = _counters(machine)
    then = machine.clock.now()
    now = None if elapsed_cycles is None else then + elapsed_cycles
    snapshot = through_bytes(freeze(machine))
    with thaw(snapshot, entropy=SeededEntropy(b"time"), plan=plan, host_clock=now) as thawed:
        after = _counters(thawed)
    ticks = machine.board.cycles_per_tick
    elapsed_ticks = (then if now is None else now) // ticks - then // ticks
    expect_none(
        f"TIME: the guest's counters advance by {elapsed_ticks} ticks",
        (
            f"{name}: {count:#x} became {after[name]:#x}"
            for name, count in before.items()
            if after[name] != (count + elapsed_ticks) & _MASK64
        ),
    )


def _counters(machine: Machine) -> dict[str, int]:
    return {
        f"vCPU {vcpu.index}: {name}": vcpu.get_sysreg(BY_NAME[name])
        for vcpu in machine.vcpus
        for name in _COUNTERS
    }
