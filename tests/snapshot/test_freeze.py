"""Freeze and thaw as a whole: what they leave alone, tell, and take from outside."""

from __future__ import annotations

import pytest

from emu.core.events import PlanStepDone, Stamped
from emu.errors import IncompatibleError, MachineError
from emu.machine import Machine, Stop, differences
from emu.snapshot import RESTORE_PLAN, SAVE_PLAN, Snapshot, freeze, thaw
from harness.entropy import SeededEntropy
from harness.guests import boot_guest
from harness.properties import QUIET_RESTORE_PLAN
from harness.trace import record, trace_differences

ENTROPY = SeededEntropy(b"freeze")


def test_a_machine_goes_on_after_a_freeze_as_if_it_was_only_quiesced(
    machine: Machine, snapshot: Snapshot
) -> None:
    """A snapshot is a look, not an end."""
    frozen = record(machine)
    with thaw(snapshot, entropy=ENTROPY, plan=QUIET_RESTORE_PLAN) as other:
        assert list(trace_differences(frozen, record(other))) == []


def test_freezing_changes_nothing_that_is_saved(machine: Machine) -> None:
    before = machine.state()
    freeze(machine)
    assert list(differences(before, machine.state())) == []


def test_two_thawed_machines_share_nothing(snapshot: Snapshot) -> None:
    """Clones: what one of them does is not seen by the other, nor by the snapshot."""
    memory = snapshot.memory_bytes()
    with (
        thaw(snapshot, entropy=ENTROPY, plan=QUIET_RESTORE_PLAN) as first,
        thaw(snapshot, entropy=ENTROPY, plan=QUIET_RESTORE_PLAN) as second,
    ):
        untouched = second.state()
        assert first.run() is Stop.SYSTEM_OFF
        assert list(differences(untouched, second.state())) == []
    assert snapshot.memory_bytes() == memory


def test_a_thawed_machine_remembers_what_it_was_booted_from(
    machine: Machine, snapshot: Snapshot
) -> None:
    with thaw(snapshot, entropy=ENTROPY) as thawed:
        assert thawed.boot_source == machine.boot_source
        assert thawed.boot_source.kernel_image_path == "firmware/quiet"


def test_each_step_is_told_in_order(machine: Machine) -> None:
    told: list[Stamped] = []
    unsubscribe = machine.events.subscribe(told.append)
    snapshot = freeze(machine)
    unsubscribe()
    with thaw(snapshot, entropy=ENTROPY, listener=told.append):
        pass
    steps = [s.event for s in told if isinstance(s.event, PlanStepDone)]
    assert steps == [
        *(PlanStepDone("save", step.name) for step in SAVE_PLAN.steps),
        *(PlanStepDone("restore", step.name) for step in RESTORE_PLAN.steps),
    ]


def test_listening_to_a_restore_changes_nothing(snapshot: Snapshot) -> None:
    def clone() -> SeededEntropy:
        return SeededEntropy(b"same")

    told: list[Stamped] = []
    with (
        thaw(snapshot, entropy=clone()) as quiet,
        thaw(snapshot, entropy=clone(), listener=told.append) as heard,
    ):
        assert list(trace_differences(record(quiet), record(heard))) == []
    assert told


@pytest.mark.parametrize("drawn", [b"", bytes(15), bytes(17)])
def test_entropy_of_the_wrong_size_is_refused(snapshot: Snapshot, drawn: bytes) -> None:
    with pytest.raises(MachineError, match="entropy"):
        thaw(snapshot, entropy=lambda _: drawn)


def test_a_strict_snapshot_asks_for_the_hosts_clock(machine: Machine) -> None:
    """Squib saves CVAL and CNTVOFF but no count: without the host's clock there is no time."""
    strict = freeze(machine, strict=True)
    with pytest.raises(IncompatibleError, match="pass host_clock="):
        thaw(strict, entropy=ENTROPY)
    with thaw(strict, entropy=ENTROPY, host_clock=machine.clock.now()) as thawed:
        assert thawed.clock.now() == machine.clock.now()


def test_what_squib_alone_carries_is_not_enough_for_interrupts(machine: Machine) -> None:
    """A fact about the format, not papered over: ICC_PMR and ICC_IGRPEN1 are nowhere in it.

    After a strict restore no interrupt is signalled any more, so the guest waits for ever.
    """
    strict = freeze(machine, strict=True)
    expected = machine.state()
    with thaw(strict, entropy=ENTROPY, host_clock=expected.cycles) as thawed:
        lost = {line.split(":")[0] for line in differences(expected.gic, thawed.state().gic)}
        assert {"cpu_interfaces[0].pmr", "cpu_interfaces[0].igrpen1"} <= lost
        assert thawed.run(1_000_000) is Stop.IDLE


def test_a_machine_without_vmgenid_is_told_nothing(machine: Machine) -> None:
    """What squib itself restores: no device, hence no id and no interrupt."""
    machine.vmgenid = None
    snapshot = freeze(machine)
    with thaw(snapshot, entropy=ENTROPY) as thawed:
        assert thawed.vmgenid is None
        assert list(differences(machine.state(), thawed.state())) == []


def test_the_serial_console_goes_on_where_it_was() -> None:
    with boot_guest("heartbeat") as machine:
        machine.run(1_000)
        before = bytes(machine.console)
        snapshot = freeze(machine)
        machine.run()
        whole = bytes(machine.console)
    with thaw(snapshot, entropy=ENTROPY, plan=QUIET_RESTORE_PLAN) as thawed:
        thawed.run()
        assert before + bytes(thawed.console) == whole
