"""What a restore takes on, and what it refuses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emu.arch.sysregs import BY_NAME, BY_SQUIB_KEY, Model
from emu.errors import (
    IncompatibleError,
    MachineError,
    PlanError,
    SnapshotError,
    ThawbenchError,
)
from emu.formats import squib, thawbench
from emu.machine import Machine, Power, differences
from emu.snapshot import RESTORE_PLAN, RESTORE_STEPS, Plan, Snapshot, freeze, thaw
from harness.entropy import SeededEntropy
from harness.properties import QUIET_RESTORE_PLAN

GOLDEN = Path(__file__).parents[1] / "golden" / "squib-0.2"
Damage = Callable[[Callable[[squib.MicrovmState], None]], Snapshot]

OF_A_PLAIN_WORD = sorted(
    key for key, reg in BY_SQUIB_KEY.items() if reg.model in (Model.STORED, Model.BANKED_SP)
)


def restore(snapshot: Snapshot, plan: Plan = QUIET_RESTORE_PLAN) -> Machine:
    """Thaw with some entropy."""
    return thaw(snapshot, entropy=SeededEntropy(b"restore"), plan=plan)


def device(state: squib.MicrovmState, kind: str) -> squib.DeviceState:
    """The device of a kind."""
    return next(device for device in state.device_states.devices if device.kind == kind)


def edit_extra(state: squib.MicrovmState, edit: Callable[[thawbench.ExtraBlob], None]) -> None:
    """Edit what is in `thawbench-extra`."""
    extra = device(state, thawbench.EXTRA_KIND)
    value = thawbench.EXTRA.decode(extra.blob)
    edit(value)
    extra.blob = thawbench.EXTRA.encode(value)


def set_vmgenid(**values: int) -> Callable[[squib.MicrovmState], None]:
    """An edit that moves VMGenID."""

    def edit(state: squib.MicrovmState) -> None:
        vmgenid = device(state, thawbench.VMGENID_KIND)
        blob = thawbench.VMGENID.decode(vmgenid.blob)
        for name, value in values.items():
            setattr(blob, name, value)
        vmgenid.blob = thawbench.VMGENID.encode(blob)

    return edit


def put(path: str, value: Any) -> Callable[[squib.MicrovmState], None]:
    """An edit of one field; `path` is within the state or, after `vcpu.`, within vCPU 0."""

    def edit(state: squib.MicrovmState) -> None:
        *parents, name = path.split(".")
        target: Any = state
        for parent in parents:
            target = state.vcpu_states[0] if parent == "vcpu" else getattr(target, parent)
        setattr(target, name, value)

    return edit


def put_sys_reg(key: int, value: int) -> Callable[[squib.MicrovmState], None]:
    """An edit of one system register."""

    def edit(state: squib.MicrovmState) -> None:
        state.vcpu_states[0].sys_regs[key] = value

    return edit


def damage_blob(kind: str, at: int) -> Callable[[squib.MicrovmState], None]:
    """An edit that cuts a device's blob."""

    def edit(state: squib.MicrovmState) -> None:
        device(state, kind).blob = device(state, kind).blob[:at]

    return edit


def double(kind: str) -> Callable[[squib.MicrovmState], None]:
    """An edit that gives the machine a device twice."""

    def edit(state: squib.MicrovmState) -> None:
        state.device_states.devices.append(device(state, kind))

    return edit


REFUSED: dict[str, tuple[Callable[[squib.MicrovmState], None], str]] = {
    "unknown key": (put_sys_reg(48, 0), r"has the key 48; squib 0\.2 knows 1 to 47"),
    "ID register": (put_sys_reg(16, 1), "told of other CPU features"),
    "MPIDR_EL1": (put_sys_reg(18, 0x8000_0001), "MPIDR_EL1"),
    "affinity": (put("vcpu.mpidr", 1), r"vcpu_states\[0\]\.mpidr is 0x1; vCPU 0 has 0x0"),
    "EL2h": (put("vcpu.regs.pstate", 0x3C9), "EL0t .*EL1t .*EL1h"),
    "EL3h": (put("vcpu.regs.pstate", 0x3CD), "PSTATE 0x3cd"),
    "AArch32": (put("vcpu.regs.pstate", 0x1D3), "PSTATE 0x1d3"),
    "no such mode": (put("vcpu.regs.pstate", 0x3C1), "PSTATE 0x3c1"),
    "unknown device": (put("device_states.devices", [
        squib.DeviceState(kind="virtio-mem", id="mem0", mmio_slot=1, blob=b"")
    ]), "'mem0' of the kind 'virtio-mem'"),
    "metadata": (put("mmds_state", squib.MmdsState(data_json="{}", token_ttl_seconds=None)),
                 "mmds_state"),
    "CPU template": (put("vm_info.cpu_template", "V1N1"), "'V1N1'"),
    "dirty pages": (put("vm_info.track_dirty_pages", True), "track_dirty_pages"),
    "SMT": (put("vm_info.smt", True), "smt"),
    "no GIC": (put("gic_state", squib.GicState(len=0, bytes=b"")), "gic_state"),
    "foreign GIC": (put("gic_state", squib.GicState(len=16, bytes=bytes(16))),
                    "not made by thawbench.*foreign = 'reset'"),
    "damaged extra": (damage_blob(thawbench.EXTRA_KIND, -1), "thawbench-extra' is damaged"),
    "empty extra": (damage_blob(thawbench.EXTRA_KIND, 0), "begin with nothing"),
    "damaged console": (damage_blob(thawbench.PL011_KIND, -3), "pl011' is damaged"),
    "damaged VMGenID": (damage_blob(thawbench.VMGENID_KIND, 1), "vmgenid' is damaged"),
    "VMGenID twice": (double(thawbench.VMGENID_KIND), "has 2 devices of the kind 'vmgenid'"),
    "console twice": (double(thawbench.PL011_KIND), "has 2 devices of the kind 'pl011'"),
    "id below RAM": (set_vmgenid(addr=0), "device 'vmgenid': 16 bytes at guest-physical 0x0"),
    "id across the end": (set_vmgenid(addr=0x8060_0000 - 8), "not all RAM"),
    "id at the top": (set_vmgenid(addr=2**64 - 16), "not all RAM"),
    "no such GSI": (set_vmgenid(gsi=96), "device 'vmgenid': .*GSI 96"),
    "huge GSI": (set_vmgenid(gsi=2**32 - 1), "GSI 4294967295"),
    "extra of nobody": (
        lambda state: edit_extra(state, lambda extra: extra.vcpus.clear()), "vCPUs \\(none\\)"
    ),
    "extra twice": (
        lambda state: edit_extra(state, lambda extra: extra.vcpus.extend(extra.vcpus)),
        "0x80000000, 0x80000000; expected one",
    ),
    "extra of another": (
        lambda state: edit_extra(state, lambda extra: setattr(extra.vcpus[0], "mpidr", 7)), "0x7"
    ),
    "extra register": (
        lambda state: edit_extra(state, lambda extra: extra.vcpus[0].sys_regs.update({1: 0})),
        "encoding 0x0001",
    ),
    "extra IAR": (
        lambda state: edit_extra(
            state,
            lambda extra: extra.vcpus[0].sys_regs.update({BY_NAME["ICC_IAR1_EL1"].encoding: 0}),
        ),
        "encoding 0xc660",
    ),
}  # fmt: skip
"""What is wrong, how to make it so, and what the refusal says."""


@pytest.mark.parametrize("name", REFUSED)
def test_a_state_that_can_not_be_restored_is_refused(
    damaged: Damage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Typed, with the reason; and the half-made machine is closed."""
    edit, said = REFUSED[name]
    made: list[Machine] = []
    closed: list[Machine] = []
    build, close = Machine.__init__, Machine.close

    def spy(machine: Machine, *args: Any, **kwargs: Any) -> None:
        build(machine, *args, **kwargs)
        made.append(machine)

    def close_spy(machine: Machine) -> None:
        closed.append(machine)
        close(machine)

    monkeypatch.setattr(Machine, "__init__", spy)
    monkeypatch.setattr(Machine, "close", close_spy)
    with pytest.raises(IncompatibleError, match=said):
        restore(damaged(edit))
    assert closed == made


def test_a_vcpu_of_another_affinity_is_refused(damaged: Damage) -> None:
    def edit(state: squib.MicrovmState) -> None:
        state.vcpu_states *= 2

    with pytest.raises(IncompatibleError, match=r"vcpu_states\[1\].mpidr is 0x0; vCPU 1 has 0x1"):
        restore(damaged(edit))


def test_too_little_ram_is_refused(damaged: Damage) -> None:
    less = replace(damaged(put("vm_info.mem_size_mib", 1)), memory=bytes(1 << 20))
    with pytest.raises(MachineError, match="too few"):
        restore(less)


@pytest.mark.parametrize("change", ["magic", "version"])
def test_another_header_is_refused(snapshot: Snapshot, change: str) -> None:
    """COMPAT, also for a snapshot that was never in a file."""
    values = {"magic": 1, "version": "6.0.0"}
    setattr(snapshot.state.header, change, values[change])
    with pytest.raises(SnapshotError, match=f"header.{change}"):
        restore(snapshot)


def test_an_unknown_dialect_is_refused(snapshot: Snapshot) -> None:
    with pytest.raises(SnapshotError, match="no dialect"):
        restore(replace(snapshot, dialect="firecracker-0.1"))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (RESTORE_PLAN.without("create-vcpus"), "the plan needs create-vcpus before it"),
        (RESTORE_PLAN.moved("set-power-states", before="create-vcpus"), "0 of 1 vCPUs"),
        (RESTORE_PLAN.with_arguments("set-gic-state", foreign="drop"), "'refuse' or 'reset'"),
        (RESTORE_PLAN.with_arguments("set-gic-state", foreign=3), "foreign is 3"),
        (RESTORE_PLAN.with_arguments("create-gic", x=1), "unexpected keyword argument 'x'"),
        (Plan.of("create-gic", "save-gic"), "no restore step is called 'save-gic'"),
    ],
)
def test_a_plan_that_can_not_be_carried_out_is_refused(
    snapshot: Snapshot, plan: Plan, said: str
) -> None:
    with pytest.raises(PlanError, match=said):
        restore(snapshot, plan)


@pytest.mark.parametrize("later", ["create-vcpus", "set-general-registers"])
def test_the_gic_comes_before_the_vcpus(snapshot: Snapshot, later: str) -> None:
    """The framework's rule: the GIC is created first."""
    with pytest.raises(MachineError, match="hv_gic_create"):
        restore(
            snapshot,
            RESTORE_PLAN.moved("create-gic", before=later).moved(
                "create-vcpus", before="create-gic"
            ),
        )


def test_a_state_of_the_gic_without_a_gic_is_refused(snapshot: Snapshot) -> None:
    with pytest.raises(MachineError, match="there is no GIC"):
        restore(snapshot, RESTORE_PLAN.without("create-gic"))


# --- files from elsewhere ------------------------------------------------------------------


def golden(number: int) -> Snapshot:
    """What a squib guest could have written, with memory as large as it says."""
    (path,) = GOLDEN.glob(f"{number}-*.snap")
    state = squib.load(path.read_bytes())
    return Snapshot("squib-0.2", state, bytes(state.data.vm_info.mem_size_mib << 20))


def test_a_snapshot_with_virtio_devices_of_squib_s_own_is_refused() -> None:
    """Their states are in bytes that squib alone can read."""
    with pytest.raises(IncompatibleError, match=r"device 'rootfs': .* not made by thawbench"):
        restore(golden(13))


def test_a_snapshot_with_a_metadata_store_is_refused() -> None:
    with pytest.raises(IncompatibleError, match="mmds_state is set"):
        restore(golden(14))


def bare_golden() -> Snapshot:
    """Golden file 13 without its disk, and with the ID registers of this machine."""
    snapshot = golden(13)
    state = snapshot.state.data
    state.device_states.devices.clear()
    state.vm_info.mem_size_mib = 6
    for key, reg in BY_SQUIB_KEY.items():
        if reg.model is Model.ID:
            del state.vcpu_states[0].sys_regs[key]
    return replace(snapshot, memory=bytes(6 << 20))


def test_apples_gic_state_is_refused_with_what_to_do() -> None:
    with pytest.raises(IncompatibleError, match=r"Apple's hv_gic.*foreign = 'reset'"):
        thaw(bare_golden(), entropy=SeededEntropy(b""), host_clock=0)


def test_a_foreign_gic_state_may_be_left_in_reset() -> None:
    """The rest of the machine is the snapshot's, register by register."""
    snapshot = bare_golden()
    (saved,) = snapshot.state.data.vcpu_states
    plan = RESTORE_PLAN.with_arguments("set-gic-state", foreign="reset")
    with thaw(snapshot, entropy=SeededEntropy(b""), host_clock=0, plan=plan) as machine:
        fresh = Machine(machine.board, ram=machine.ram)
        assert list(differences(machine.gic.state(), fresh.gic.state())) == []
        assert machine.vmgenid is None
        (vcpu,) = machine.vcpus
        assert vcpu.engine.pc == saved.regs.pc
        for key in (1, 2, 3, 4, 6, 7, 8, 9, 10, 20, 21, 33, 34, 38, 40, 41, 44):
            assert vcpu.get_sysreg(BY_SQUIB_KEY[key]) == saved.sys_regs[key], BY_SQUIB_KEY[key]


def test_our_own_gic_state_is_set_whatever_is_said_of_foreign_ones(snapshot: Snapshot) -> None:
    plan = QUIET_RESTORE_PLAN.with_arguments("set-gic-state", foreign="reset")
    with restore(snapshot) as refusing, restore(snapshot, plan) as resetting:
        assert list(differences(refusing.state(), resetting.state())) == []


# --- what is taken on ----------------------------------------------------------------------


@pytest.mark.parametrize("saved", list(squib.PsciState))
def test_squib_turns_vcpu_0_on_whatever_was_saved(damaged: Damage, saved: squib.PsciState) -> None:
    with restore(damaged(put("vcpu.psci_state", saved))) as machine:
        assert machine.psci.power == [Power.ON]


def test_a_stack_pointer_that_is_in_no_map_is_taken_from_the_general_registers(
    damaged: Damage,
) -> None:
    """Registers that a host can't read are left out of the map."""

    def edit(state: squib.MicrovmState) -> None:
        del state.vcpu_states[0].sys_regs[7]
        state.vcpu_states[0].regs.sp = 0x1234_5670

    with restore(damaged(edit)) as machine:
        assert machine.vcpus[0].engine.get_sp(1) == 0x1234_5670


@given(st.sampled_from(OF_A_PLAIN_WORD), st.integers(0, 2**64 - 1))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_register_is_what_its_key_says(damaged: Damage, key: int, value: int) -> None:
    with restore(damaged(put_sys_reg(key, value))) as machine:
        reg = BY_SQUIB_KEY[key]
        assert machine.vcpus[0].get_sysreg(reg) == value & reg.writable


@given(st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_register_values_give_a_machine_or_a_typed_error(
    damaged: Damage, data: st.DataObject
) -> None:
    """TOTAL: whatever the words are, nothing else is raised, and every run has an end."""
    word = st.sampled_from([0, 2**64 - 1]) | st.integers(0, 2**64 - 1)

    def edit(state: squib.MicrovmState) -> None:
        (vcpu,) = state.vcpu_states
        keys = data.draw(st.lists(st.sampled_from(sorted(BY_SQUIB_KEY)), max_size=5))
        vcpu.sys_regs.update({key: data.draw(word) for key in keys})
        vcpu.regs.pstate, vcpu.regs.pc, vcpu.fp_regs.fpcr = (data.draw(word) for _ in range(3))

    with contextlib.suppress(ThawbenchError), restore(damaged(edit)) as machine:
        machine.run(2_000)
        freeze(machine).encode_state()


def test_every_step_of_the_plan_says_what_it_does() -> None:
    for _, function in RESTORE_STEPS.bind(RESTORE_PLAN):
        assert function.func.__doc__  # type: ignore[attr-defined]  # they are partials


def test_what_no_call_reads_is_lost(machine: Machine) -> None:
    """Documented: CBPR hides ICC_BPR1_EL1, so that a monitor can't see what was written there."""
    (vcpu,) = machine.vcpus
    for name, value in (("ICC_BPR1_EL1", 6), ("ICC_CTLR_EL1", 1)):
        vcpu.set_sysreg(BY_NAME[name], value)
    with restore(freeze(machine)) as thawed:
        assert list(differences(machine.gic.state(), thawed.gic.state())) == [
            "cpu_interfaces[0].bpr1: 0x6 != 0x3"
        ]
