"""Properties of interrupt state: nothing is lost over a restore, and nothing invented."""

from __future__ import annotations

from collections.abc import Iterator

from emu.gic.state import BankState, GicState
from emu.machine import Machine
from emu.snapshot import Plan, freeze, thaw
from harness.entropy import SeededEntropy
from harness.properties.bisimulation import through_bytes
from harness.properties.round_trip import QUIET_RESTORE_PLAN
from harness.properties.violation import expect_none

_BITS = ("enabled", "pending_latch", "active")


def check_no_loss(machine: Machine, *, plan: Plan = QUIET_RESTORE_PLAN) -> None:
    """NOLOSS: every interrupt enabled, pending or active when frozen is so when thawed."""
    before, after = _over_a_restore(machine, plan)
    expect_none("NOLOSS: no interrupt is lost", _only_in_first(before, after))


def check_no_invention(machine: Machine, *, plan: Plan = QUIET_RESTORE_PLAN) -> None:
    """NOINVENT: no interrupt is enabled, pending or active when thawed that was not when frozen."""
    before, after = _over_a_restore(machine, plan)
    expect_none("NOINVENT: no interrupt is invented", _only_in_first(after, before))


def _over_a_restore(machine: Machine, plan: Plan) -> tuple[GicState, GicState]:
    snapshot = through_bytes(freeze(machine))
    with thaw(snapshot, entropy=SeededEntropy(b"interrupts"), plan=plan) as thawed:
        return machine.gic.state(), thawed.gic.state()


def _only_in_first(first: GicState, second: GicState) -> Iterator[str]:
    for name, base, mine, other in _banks(first, second):
        for field in _BITS:
            missing = getattr(mine, field) & ~getattr(other, field)
            for bit in range(missing.bit_length()):
                if missing >> bit & 1:
                    yield f"{name}: INTID {base + bit} is {field} on one side only"


def _banks(first: GicState, second: GicState) -> Iterator[tuple[str, int, BankState, BankState]]:
    yield "distributor", 32, first.distributor.spis, second.distributor.spis
    pairs = zip(first.redistributors, second.redistributors, strict=True)
    for vcpu, (mine, other) in enumerate(pairs):
        yield f"vCPU {vcpu}", 0, mine.interrupts, other.interrupts
