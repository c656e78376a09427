"""Properties of interrupt state: nothing is lost over a restore, and nothing invented."""

from __future__ import annotations

from collections.abc import Iterator

from emu.machine import Machine
from emu.snapshot import Plan, freeze, thaw
from harness.entropy import SeededEntropy
from harness.properties.bisimulation import through_bytes
from harness.properties.round_trip import QUIET_RESTORE_PLAN
from harness.properties.violation import expect_none

_BITS = ("enabled", "pending", "active")

_Interrupts = dict[str, list[int]]
"""The INTIDs that have one of `_BITS` set, by bank and bit."""


def check_no_loss(machine: Machine, *, plan: Plan = QUIET_RESTORE_PLAN) -> None:
    """NOLOSS: every interrupt enabled, pending or active when frozen is so when thawed.

    Pending counts whether by a latch or by the level of a line.
    """
    before, after = _over_a_restore(machine, plan)
    expect_none("NOLOSS: no interrupt is lost", _only_in_first(before, after))


def check_no_invention(machine: Machine, *, plan: Plan = QUIET_RESTORE_PLAN) -> None:
    """NOINVENT: no interrupt is enabled, pending or active when thawed that was not when frozen."""
    before, after = _over_a_restore(machine, plan)
    expect_none("NOINVENT: no interrupt is invented", _only_in_first(after, before))


def _over_a_restore(machine: Machine, plan: Plan) -> tuple[_Interrupts, _Interrupts]:
    machine.drive_timer_lines()
    snapshot = through_bytes(freeze(machine))
    with thaw(snapshot, entropy=SeededEntropy(b"interrupts"), plan=plan) as thawed:
        return _interrupts(machine), _interrupts(thawed)


def _interrupts(machine: Machine) -> _Interrupts:
    banks = {f"vCPU {v.index}": machine.gic.interrupts(v.index) for v in machine.vcpus}
    banks["distributor"] = machine.gic.interrupts(None)
    return {
        f"{name}: {bit}": [
            bank.first_intid + index
            for index in range(bank.count)
            if getattr(bank, bit) >> index & 1
        ]
        for name, bank in banks.items()
        for bit in _BITS
    }


def _only_in_first(first: _Interrupts, second: _Interrupts) -> Iterator[str]:
    for name, intids in first.items():
        for intid in sorted(set(intids) - set(second[name])):
            yield f"{name}: INTID {intid} on one side only"
