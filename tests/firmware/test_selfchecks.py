"""The guests that check themselves, on the squib board."""

from __future__ import annotations

from functools import partial

import pytest

import firmware
from emu.cpu import CORTEX_A72
from emu.machine import RoundRobin, Schedule, Shuffled
from firmware.layout import CheckArguments
from harness.guests import boot_guest
from harness.selfcheck import SelfCheck, read_selfcheck, run_selfcheck

KNOWN_LIMITS = {
    # Unicorn sets PSTATE.IL and executes the next instruction all the same.
    "exceptions": {
        f"{how}: {what}"
        for how in ("return to EL2", "return to EL0 with SP_EL1", "return with M[1] set")
        for what in ("ESR", "ELR")
    },
}
"""Checks that fail because of what the machine does not model. One that passes is an error, too."""

USE_ALL_VCPUS = ["atomics", "fpsimd", "psci", "shootdown", "smp"]
"""The guests that do more where there are more vCPUs."""

QUANTUM = 997
"""Short enough that a contest takes several turns of each vCPU."""

NOP = 0xD503_201F

# What is left out of each guest, and the first check that must notice.
MUTATIONS = {
    "atomics": (0xF82C_0120, "LDADD: total"),  # ldadd x12, x0, [x9]
    "exceptions": (0xD402_4681, "SVC at EL1h: ESR"),  # svc #0x1234
    "fpsimd": (0xD51B_4400, "1 / 3, RP"),  # msr fpcr, x0
    "gic": (0xD518_CBA0, "SGI: pending"),  # msr icc_sgi1r_el1, x0
    "psci": (0xD400_0002, "PSCI_VERSION: major 1"),  # hvc #0
    "selfmodify": (0x2A01_1442, "writable code, IC IVAU: stale code was run"),  # orr, its value
    "shootdown": (0xD508_831F, "remapped, TLBI VMALLE1IS: stale looks"),  # tlbi vmalle1is
    "smp": (0xD518_CBA4, "SGI to each vCPU: answers"),  # msr icc_sgi1r_el1, x4
    "sysregs": (0xD50B_7420, "DC ZVA: bytes that are zero"),  # dc zva, x0
    "timer": (0xD51B_E320, "virtual timer, due, IMASK 1: CTL"),  # msr cntv_ctl_el0, x0
}


def surprises(found: SelfCheck) -> set[str]:
    """The checks that failed and should not have, and those that should have and did not."""
    assert found.finished, found.checks[-1:]
    return {check.name for check in found.failed} ^ KNOWN_LIMITS.get(found.guest, set())


@pytest.mark.parametrize("name", firmware.self_checking())
def test_every_check_passes(name: str) -> None:
    assert surprises(run_selfcheck(name)) == set()


@pytest.mark.parametrize("name", firmware.self_checking())
def test_every_check_passes_on_a_cortex_a72(name: str) -> None:
    """What it lacks is skipped, as its ID registers say."""
    found = run_selfcheck(name, vcpu_count=2, schedule=RoundRobin(QUANTUM), cpu_model=CORTEX_A72)
    assert surprises(found) == set()


@pytest.mark.parametrize("vcpu_count", [2, 4, 17, 32])
@pytest.mark.parametrize("name", USE_ALL_VCPUS)
def test_every_check_passes_on_several_vcpus(name: str, vcpu_count: int) -> None:
    found = run_selfcheck(name, vcpu_count=vcpu_count, schedule=RoundRobin(QUANTUM))
    assert surprises(found) == set()


@pytest.mark.parametrize("schedule", [Shuffled(1, 3000), Shuffled(2, 300), RoundRobin(37)])
@pytest.mark.parametrize("name", USE_ALL_VCPUS)
def test_every_check_passes_in_any_order(name: str, schedule: Schedule) -> None:
    assert surprises(run_selfcheck(name, vcpu_count=4, schedule=schedule)) == set()


@pytest.mark.parametrize("name", firmware.self_checking())
def test_a_second_run_is_the_same(name: str) -> None:
    boot = partial(boot_guest, name, vcpu_count=2, schedule=Shuffled(3, 1000))
    with boot() as first, boot() as second:
        assert first.run() is second.run()
        assert first.instructions == second.instructions
        assert first.console == second.console
        assert first.state() == second.state()


def test_a_guest_uses_no_more_vcpus_than_it_is_told_to() -> None:
    arguments = CheckArguments(iterations=8, vcpus=2)
    assert surprises(run_selfcheck("smp", arguments=arguments, vcpu_count=4)) == set()


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_guest_notices_what_is_left_out(name: str) -> None:
    """With one kind of instruction made a NOP, it neither passes nor runs for ever."""
    instruction, noticed_by = MUTATIONS[name]
    guest = firmware.load(name)
    code = guest.image.replace(instruction.to_bytes(4, "little"), NOP.to_bytes(4, "little"))
    assert code != guest.image
    with boot_guest(name) as machine:
        machine.ram.write(guest.load_address, code)
        machine.run(50_000_000)
        assert noticed_by in {check.name for check in read_selfcheck(machine, name).failed}


def test_every_guest_that_checks_itself_is_mutated() -> None:
    assert sorted(MUTATIONS) == firmware.self_checking()
