"""Machines of several vCPUs, frozen into squib's format and thawed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.machine import Machine, Power, RoundRobin, Stop, differences
from emu.snapshot import freeze, thaw
from harness.entropy import SeededEntropy
from harness.guests import boot_guest
from harness.properties import QUIET_RESTORE_PLAN

ENTROPY = SeededEntropy(b"several vCPUs")
QUANTUM = 100


@pytest.fixture(params=[3_000, 7_001, 9_876])
def busy(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Three vCPUs in the middle of signalling each other."""
    with boot_guest("smp", vcpu_count=3, schedule=RoundRobin(QUANTUM)) as machine:
        assert machine.run(max_instructions=request.param) is Stop.LIMIT
        machine.quiesce()
        yield machine


def test_all_vcpus_come_back_as_they_were_but_for_their_power(busy: Machine) -> None:
    """Squib's restore turns vCPU 0 on and all others off, whatever was saved."""
    before = busy.state()
    with thaw(freeze(busy), entropy=ENTROPY, plan=QUIET_RESTORE_PLAN) as machine:
        after = machine.state()
    assert after.power == [Power.ON, Power.OFF, Power.OFF]
    after.power = before.power
    assert list(differences(before, after)) == []


def test_turned_on_again_they_go_on_as_if_nothing_had_been(busy: Machine) -> None:
    """With the schedule from its beginning, as after any freeze."""
    power = list(busy.psci.power)
    frozen = freeze(busy)
    schedule = RoundRobin(QUANTUM)
    with thaw(frozen, entropy=ENTROPY, plan=QUIET_RESTORE_PLAN, schedule=schedule) as machine:
        machine.psci.power[:] = power
        assert machine.run(max_instructions=2_000) is busy.run(max_instructions=2_000)
        assert list(differences(busy.state(), machine.state())) == []


def test_the_second_generation_is_like_the_first(busy: Machine) -> None:
    first = freeze(busy)
    with thaw(first, entropy=ENTROPY, plan=QUIET_RESTORE_PLAN) as machine:
        second = freeze(machine)
    with thaw(second, entropy=ENTROPY, plan=QUIET_RESTORE_PLAN) as machine:
        third = freeze(machine)
    assert second.encode_state() == third.encode_state()
    assert first.memory_bytes() == third.memory_bytes()
