"""VMGenID: every restore gives a new id, and the guest notices, once, wherever it was frozen.

What happened is taken from the guest's own account: its counts, its log and its checksums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from emu.machine import Machine, Stop
from emu.snapshot import RESTORE_PLAN, Snapshot, freeze, thaw
from firmware.layout import LogEntry, Phase, Results, Window
from harness.entropy import SeededEntropy
from harness.guests import read_log, read_results
from harness.properties import (
    PropertyViolation,
    check_delivered_once,
    check_fresh,
    check_order,
)
from harness.properties.bisimulation import Boot
from harness.trace import INSTRUCTIONS_MAX

MASKED = [mode for mode in Window if mode is not Window.NONE]
VMGENID_INTID = 47

IN_THE_WORK = 900
"""Instructions into the work: everything is set up, and interrupts are unmasked."""

HANDLED = 140
"""Instructions after a restore in the work until the guest is back from VMGenID's handler."""


@dataclass(frozen=True)
class Account:
    """What a guest has written down, at its end."""

    results: Results
    log: tuple[LogEntry, ...]

    @property
    def generations(self) -> list[LogEntry]:
        """The VMGenID interrupts."""
        return [entry for entry in self.log if entry.intid == VMGENID_INTID]


def account(machine: Machine) -> Account:
    """Run the guest to its end."""
    assert machine.run(INSTRUCTIONS_MAX) is Stop.SYSTEM_OFF
    assert bytes(machine.console) == b""  # nothing that the guest did not expect
    return Account(read_results(machine, "quiet"), read_log(machine, "quiet"))


def id_of(machine: Machine) -> int:
    """The id that the machine's device drew."""
    assert machine.vmgenid is not None
    return machine.vmgenid.gen_id


def seen(entry: LogEntry | Results) -> int:
    """The id that the guest saw."""
    return entry.id_high << 64 | entry.id_low


def frozen_at(boot: Boot, instructions: int) -> Snapshot:
    """A snapshot after so many instructions."""
    with boot() as machine:
        machine.run(instructions)
        return freeze(machine)


@cache
def account_without_a_freeze(boot: Boot) -> Account:
    """The guest that was left alone."""
    with boot() as machine:
        return account(machine)


def expect_work_undisturbed(found: Account, boot: Boot) -> None:
    """Nothing was lost on the way: checksums and the number of ticks are as without a freeze."""
    expected = account_without_a_freeze(boot).results
    for name in ("checksum", "thread_checksum", "ticks", "spurious"):
        assert getattr(found.results, name) == getattr(expected, name), name


def expect_one_generation(snapshot: Snapshot, boot: Boot, *, masked: bool) -> None:
    """The guest of `snapshot` notices one restore, and nothing while its window is open."""
    with thaw(snapshot, entropy=SeededEntropy(b"new")) as machine:
        new_id = id_of(machine)
        found = account(machine)
    assert [seen(entry) for entry in found.generations] == [new_id]
    assert (found.results.generations, found.results.unchanged) == (1, 0)
    assert seen(found.results) == new_id
    if masked:
        assert found.generations[0].window != Phase.OPEN
    expect_work_undisturbed(found, boot)


def phases(boot: Boot) -> dict[Phase, range]:
    """The instructions of each phase of the guest."""
    starts = {Phase.BEFORE: 0}
    with boot() as machine:
        while machine.run(1) is Stop.LIMIT:
            phase = Phase(read_results(machine, "quiet").window)
            starts.setdefault(phase, machine.instructions)
        bounds = [*starts.values(), machine.instructions]
    return {phase: range(*bound) for phase, bound in zip(starts, pairwise(bounds), strict=True)}


@pytest.mark.parametrize("mode", MASKED)
def test_a_restore_is_not_lost_while_it_is_masked(quiet: Any, stride: int, mode: Window) -> None:
    """At every boundary of the window, and some way before and after it."""
    boot = quiet(mode)
    window = phases(boot)[Phase.OPEN]
    for instructions in range(window.start - 20, window.stop + 40, stride):
        expect_one_generation(frozen_at(boot, instructions), boot, masked=True)


@pytest.mark.parametrize("mode", list(Window))
def test_a_restore_is_noticed_up_to_the_last_instruction(quiet: Any, mode: Window) -> None:
    """The HVC that powers off is the last one: before it the interrupt is taken all the same."""
    boot = quiet(mode)
    end = phases(boot)[Phase.AFTER].stop
    for instructions in (end - 40, end - 3, end - 2, end - 1):
        expect_one_generation(frozen_at(boot, instructions), boot, masked=mode is not Window.NONE)


@pytest.mark.parametrize("mode", list(Window))
def test_the_interrupt_is_acknowledged_and_ended_once(quiet: Any, mode: Window) -> None:
    """The same from the GIC's side, by its events."""
    check_delivered_once(frozen_at(quiet(mode), IN_THE_WORK))


def test_a_second_restore_in_the_middle_of_handling_the_first(quiet: Any) -> None:
    """Every boundary from the first instruction after a restore to behind the handler's ERET.

    Until the first interrupt is acknowledged, it stands for both restores. After that there are
    two. If the guest has not read the first id by then, it will find the second one twice.
    """
    boot = quiet()
    first = frozen_at(boot, IN_THE_WORK)
    stages = set()
    for instructions in range(HANDLED + 1):
        with thaw(first, entropy=SeededEntropy(b"first")) as machine:
            first_id = id_of(machine)
            assert machine.run(instructions) is Stop.LIMIT
            pending = machine.gic.interrupts(None).pending >> (VMGENID_INTID - 32) & 1
            active = machine.gic.interrupts(None).active >> (VMGENID_INTID - 32) & 1
            was = read_results(machine, "quiet")
            second = freeze(machine)
        with thaw(second, entropy=SeededEntropy(b"second")) as machine:
            second_id = id_of(machine)
            found = account(machine)
        assert first_id != second_id
        assert found.results.generations == (1 if pending else 2)
        twice = found.results.unchanged
        assert twice == 0 or (active and twice == 1 and seen(was) != first_id)
        assert {seen(entry) for entry in found.generations} <= {first_id, second_id}
        assert seen(found.results) == second_id
        expect_work_undisturbed(found, boot)
        stages.add((pending, active, twice))
    assert stages == {(1, 0, 0), (0, 1, 1), (0, 1, 0), (0, 0, 0)}


@pytest.mark.parametrize("mode", MASKED)
def test_restores_that_pend_in_a_row_are_one(quiet: Any, mode: Window) -> None:
    """Five generations with the guest still in its window: it wakes up to the last id."""
    boot = quiet(mode, rounds=2)
    snapshot = frozen_at(boot, phases(boot)[Phase.OPEN].start)
    ids = set()
    for seed in range(5):
        with thaw(snapshot, entropy=SeededEntropy(bytes([seed]))) as machine:
            ids.add(id_of(machine))
            machine.run(20)
            snapshot = freeze(machine)
    assert len(ids) == 5
    expect_one_generation(snapshot, boot, masked=True)


@pytest.mark.parametrize("instructions", [0, 60, 200, 500, IN_THE_WORK, 1_400])
def test_each_clone_has_an_id_of_its_own_before_it_runs(quiet: Any, instructions: int) -> None:
    """FRESH and ORDER, also while the guest boots."""
    snapshot = frozen_at(quiet(), instructions)
    check_fresh(snapshot)
    check_order(snapshot)


def test_a_guest_that_boots_ends_with_the_new_id(quiet: Any, stride: int) -> None:
    """Before its handler exists the guest may find the id without an interrupt; find it it must."""
    boot = quiet()
    for instructions in range(0, 700, 5 * stride):
        with thaw(frozen_at(boot, instructions), entropy=SeededEntropy(b"boot")) as machine:
            new_id = id_of(machine)
            found = account(machine)
        assert seen(found.results) == new_id
        expect_work_undisturbed(found, boot)


def test_a_snapshot_without_vmgenid_is_a_finding(quiet: Any) -> None:
    """Nobody would tell the guest: the properties say so, and do not pass for want of a device."""
    with quiet()() as machine:
        machine.run(IN_THE_WORK)
        machine.vmgenid = None
        snapshot = freeze(machine)
    for check in (check_fresh, check_order, check_delivered_once):
        with pytest.raises(PropertyViolation, match="no VMGenID"):
            check(snapshot)


def test_a_guest_that_hangs_is_a_finding(quiet: Any) -> None:
    """Its CPU interface is not restored, so that it waits for ever."""
    snapshot = frozen_at(quiet(), IN_THE_WORK)
    with pytest.raises(PropertyViolation, match="did not end"):
        check_delivered_once(snapshot, plan=RESTORE_PLAN.without("set-extra-registers"))
