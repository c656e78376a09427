"""What a save carries, and what squib's own schema has no place for."""

from __future__ import annotations

import pytest

from emu.arch.sysregs import BY_ENCODING, BY_SQUIB_KEY, SYSREGS, Model
from emu.boards.squib import SQUIB
from emu.core.events import WaitStarted
from emu.core.ram import Ram
from emu.errors import IncompatibleError, MachineError, PlanError, SnapshotError
from emu.formats import squib, thawbench
from emu.machine import Machine, Stop
from emu.snapshot import SAVE_PLAN, SAVE_STEPS, Plan, Snapshot, freeze
from emu.snapshot.squib_save import EXTRA_SYSREGS
from firmware.layout import Arguments, Window
from harness.guests import boot_guest

MIB = 1 << 20


def kinds(snapshot: Snapshot) -> list[str]:
    """The devices of a snapshot, in order."""
    return [device.kind for device in snapshot.state.data.device_states.devices]


def test_every_register_that_holds_state_is_saved(snapshot: Snapshot) -> None:
    """NOLOSS, by the one table: a register that is added to it can't be forgotten here."""
    (vcpu,) = snapshot.state.data.vcpu_states
    (device,) = [
        d for d in snapshot.state.data.device_states.devices if d.kind == thawbench.EXTRA_KIND
    ]
    (extra,) = thawbench.EXTRA.decode(device.blob).vcpus
    saved = {BY_SQUIB_KEY[key] for key in vcpu.sys_regs}
    saved |= {BY_ENCODING[encoding] for encoding in extra.sys_regs}
    assert saved == {reg for reg in SYSREGS if reg.saved}


def test_keys_and_devices_are_in_squibs_order(snapshot: Snapshot) -> None:
    (vcpu,) = snapshot.state.data.vcpu_states
    assert list(vcpu.sys_regs) == sorted(vcpu.sys_regs)
    devices = snapshot.state.data.device_states.devices
    order = [(device.mmio_slot, device.id) for device in devices]
    assert order == sorted(order)


def test_a_vcpu_is_saved_under_its_affinity(snapshot: Snapshot, machine: Machine) -> None:
    """`mpidr` has the affinity fields alone; the register in the map has bit 31 (RES1) too."""
    (vcpu,) = snapshot.state.data.vcpu_states
    assert vcpu.mpidr == 0
    assert vcpu.sys_regs[18] == machine.vcpus[0].mpidr == 1 << 31


def test_strict_leaves_out_what_squib_has_no_place_for(machine: Machine) -> None:
    strict, full = freeze(machine, strict=True), freeze(machine)
    assert kinds(strict) == ["pl011", "vmgenid"]
    assert kinds(full) == ["pl011", "thawbench-extra", "vmgenid"]
    assert strict.state.data.vcpu_states == full.state.data.vcpu_states
    assert strict.state.data.gic_state == full.state.data.gic_state


def test_what_strict_loses() -> None:
    """The registers that squib 0.2 has no key for: a documented fact about its format."""
    names = {reg.name for reg in EXTRA_SYSREGS}
    assert {reg.name for reg in EXTRA_SYSREGS if reg.model is Model.GIC} == {
        "ICC_PMR_EL1",
        "ICC_BPR0_EL1",
        "ICC_BPR1_EL1",
        "ICC_AP0R0_EL1",
        "ICC_AP1R0_EL1",
        "ICC_CTLR_EL1",
        "ICC_IGRPEN0_EL1",
        "ICC_IGRPEN1_EL1",
    }
    assert {"SP_EL0", "APIAKeyLo_EL1", "APGAKeyHi_EL1", "CSSELR_EL1", "PMINTENSET_EL1"} < names


def test_what_is_saved_passes_squibs_own_checks(snapshot: Snapshot) -> None:
    assert squib.load(snapshot.encode_state()) == snapshot.state


@pytest.mark.parametrize("step", [step.name for step in SAVE_PLAN.steps[1:4]])
def test_a_save_without_a_step_lacks_its_part(machine: Machine, step: str) -> None:
    """Each step alone is responsible for its part: leaving it out shows."""
    full, less = freeze(machine), freeze(machine, plan=SAVE_PLAN.without(step))
    assert less.state != full.state


def test_save_order_does_not_matter_while_nothing_runs(machine: Machine) -> None:
    """ORDER: no step changes what another one saves; squib's order is kept all the same."""
    expected = freeze(machine)
    names = [step.name for step in SAVE_PLAN.steps[1:]]
    assert freeze(machine, plan=Plan.of("quiesce", *reversed(names))) == expected


def test_every_step_says_what_it_does() -> None:
    for _, function in SAVE_STEPS.bind(SAVE_PLAN):
        assert function.func.__doc__  # type: ignore[attr-defined]  # they are partials


@pytest.mark.parametrize(
    "plan", [Plan.of("quiesce", "no-such-step"), SAVE_PLAN.with_arguments("save-gic", x=1)]
)
def test_a_bad_plan_is_refused_before_anything_is_done(plan: Plan) -> None:
    """TXN: `quiesce` would have ended the guest's wait."""
    arguments = Arguments(mode=Window.NONE, ticks=20, tick_period=1000, rounds=1)
    with boot_guest("quiet", arguments=arguments, ram_size_bytes=6 * MIB) as machine:
        machine.events.subscribe(
            lambda stamped: machine.stop() if isinstance(stamped.event, WaitStarted) else None
        )
        assert machine.run() is Stop.REQUESTED
        with pytest.raises(PlanError):
            freeze(machine, plan=plan)
        assert machine.vcpus[0].engine.waiting


def test_an_unknown_dialect_is_refused(machine: Machine) -> None:
    with pytest.raises(SnapshotError, match=r"squib-9.*known: squib-0\.2"):
        freeze(machine, to="squib-9")


def test_ram_of_half_a_mib_is_refused() -> None:
    """The schema counts MiB: rounding would make a snapshot that nothing can restore."""
    with (
        Machine(SQUIB, ram=Ram(SQUIB.dram_base, 6 * MIB + 4096)) as machine,
        pytest.raises(IncompatibleError, match="whole MiB"),
    ):
        freeze(machine)


def test_a_machine_that_was_turned_off_is_refused(machine: Machine) -> None:
    """No format says that it is off, so it would run on behind its SYSTEM_OFF."""
    machine.run()
    with pytest.raises(MachineError, match="powered off"):
        freeze(machine)
