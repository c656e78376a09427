"""One vCPU's state: captured and applied whole, whatever the guest is doing."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from emu.arch.sysregs import BY_NAME, Model
from emu.core.events import ExceptionTaken, InterruptTaken, Stamped, TimerFired
from emu.cpu import SAVED_SYSREGS, VcpuState
from emu.errors import IncompatibleError
from tests import a64
from tests.cpu import bench
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import LoneVcpu

ALL = (1 << 64) - 1
KEPT = {
    "CNTP_CTL_EL0": 0x3,
    "CNTV_CTL_EL0": 0x3,
    "FPCR": 0x07FF_0000,
    "FPSR": 0xF800_009F,
    "PMCCFILTR_EL0": 0xFC00_0000,
    "PMCNTENSET_EL0": 1 << 31,
    "PMCR_EL0": 0x79,
    "PMINTENSET_EL1": 1 << 31,
    "PMOVSSET_EL0": 1 << 31,
    "PMSELR_EL0": 0x1F,
    "PMUSERENR_EL0": 0xF,
    "VBAR_EL1": ALL & ~0x1F,
    **{reg.name: reg.writable for reg in SAVED_SYSREGS if reg.model is Model.STORED},
}
"""The bits that a register holds, if not all 64."""

FRESH = LoneVcpu().vcpu.state()
"""What a vCPU holds before it has run."""

words = st.integers(0, ALL) | st.sampled_from([0, 1, 1 << 63, ALL])
states = st.builds(
    VcpuState,
    x=st.lists(words, min_size=31, max_size=31),
    pc=words,
    pstate=st.builds(
        lambda mode, daif, flags, pan: mode | daif << 6 | flags << 28 | pan << 22,
        st.sampled_from([0b0000, 0b0100, 0b0101]),
        st.integers(0, 15),
        st.integers(0, 15),
        st.integers(0, 1),
    ),
    v=st.lists(st.integers(0, 2**128 - 1), min_size=32, max_size=32),
    sys_regs=st.fixed_dictionaries(
        {reg.name: words.map(KEPT.get(reg.name, ALL).__and__) for reg in SAVED_SYSREGS}
    ),
)


def without_condition(state: VcpuState) -> VcpuState:
    """A state without the timers' ISTATUS, which is no state but follows from the time."""
    ctls = {name: state.sys_regs[name] & 3 for name in ("CNTV_CTL_EL0", "CNTP_CTL_EL0")}
    return replace(state, sys_regs={**state.sys_regs, **ctls})


@pytest.fixture(scope="module")
def dirty() -> LoneVcpu:
    """A vCPU that is used again and again."""
    return LoneVcpu()


@given(state=states)
def test_a_fresh_vcpu_takes_over_any_state(state: VcpuState) -> None:
    lone = LoneVcpu()
    lone.vcpu.load_state(state)
    captured = lone.vcpu.state()
    assert without_condition(captured) == state
    again = LoneVcpu()
    again.vcpu.load_state(captured)
    assert again.vcpu.state() == captured


@given(state=states)
def test_a_vcpu_that_was_used_takes_over_any_state(dirty: LoneVcpu, state: VcpuState) -> None:
    """Nothing of what it held before shows through, whatever mode it was in."""
    dirty.vcpu.load_state(state)
    assert without_condition(dirty.vcpu.state()) == state


def test_every_register_of_the_table_that_holds_state_is_saved() -> None:
    saved = {reg.name for reg in SAVED_SYSREGS}
    assert {"SP_EL0", "SP_EL1", "ELR_EL1", "SPSR_EL1", "CSSELR_EL1", "OSLSR_EL1"} <= saved
    assert {
        f"AP{k}Key{h}_EL1" for k in ("IA", "IB", "DA", "DB", "GA") for h in ("Lo", "Hi")
    } <= saved
    assert {"DBGBVR5_EL1", "DBGBCR5_EL1", "DBGWVR3_EL1", "DBGWCR3_EL1"} <= saved
    assert not saved & {r.name for r in BY_NAME.values() if r.model in (Model.GIC, Model.ID)}


def test_a_state_leaves_alone_what_it_leaves_out() -> None:
    lone = LoneVcpu()
    lone.vcpu.set_sysreg(BY_NAME["TPIDR_EL1"], 77)
    lone.vcpu.load_state(VcpuState())
    assert lone.vcpu.get_sysreg(BY_NAME["TPIDR_EL1"]) == 77


def test_a_state_of_a_mode_that_is_not_here_is_refused(dirty: LoneVcpu) -> None:
    with pytest.raises(IncompatibleError, match="PSTATE 0x3c9"):
        dirty.vcpu.load_state(VcpuState(pstate=0x3C9))


def test_loading_a_state_ends_a_wait() -> None:
    lone = LoneVcpu()
    before = lone.vcpu.state()
    lone.execute(a64.WFI)
    assert lone.vcpu.engine.waiting
    lone.vcpu.load_state(before)
    assert not lone.vcpu.engine.waiting


@given(states)
def test_a_reset_undoes_all_that_a_guest_can_do(dirty: LoneVcpu, state: VcpuState) -> None:
    """Whatever the state, the vCPU is as it was made; the offsets stay, which are the monitor's."""
    dirty.vcpu.load_state(state)
    dirty.vcpu.reset()
    offsets = {name: state.sys_regs[name] for name in ("CNTVOFF_EL2", "CNTPOFF_EL2")}
    kept = {**offsets, "VBAR_EL1": 0}  # the bench has set VBAR_EL1
    assert dirty.vcpu.state() == replace(FRESH, sys_regs={**FRESH.sys_regs, **kept})


def test_a_reset_disables_the_timers() -> None:
    """A line that was high is low before the vCPU runs."""
    lone = LoneVcpu()
    lone.vcpu.timer.write("CNTV_CTL_EL0", 1)
    assert lone.virtual.high
    lone.vcpu.reset()
    assert not lone.virtual.high


def test_the_guest_s_own_registers_are_captured_in_a_handler() -> None:
    """At EL1 after an exception from EL0: ELR, SPSR and SP_EL0 are the interrupted program's."""
    lone = LoneVcpu()
    lone.vcpu.engine.set_sp(0, 0x1230)
    lone.vcpu.engine.set_sp(1, 0x4560)
    flags = 0x9000_0000
    assert not lone.execute(a64.svc(1), pstate=at.EL0T & ~0x3C0 | flags)
    state = lone.vcpu.state()
    assert state.pc == at.SYNC_EL0
    assert state.pstate & 0x3FF == at.EL1H
    assert state.sys_regs["SPSR_EL1"] == flags
    assert state.sys_regs["SP_EL0"] == 0x1230
    assert state.sys_regs["SP_EL1"] == 0x4560
    code = lone.ram.read(state.sys_regs["ELR_EL1"] - 4, 4)
    assert code == a64.svc(1).to_bytes(4, "little")


def test_pac_keys_work_after_a_load() -> None:
    """A pointer that is signed on one vCPU is authenticated on another that took over its state."""
    pacia_x3_x4, autia_x3_x4 = 0xDAC10083, 0xDAC11083
    pointer = 0x4000_1234
    signer, checker = LoneVcpu(), LoneVcpu()
    for name, value in (
        ("APIAKeyLo_EL1", 0x1234_5678),
        ("APIAKeyHi_EL1", 0x9ABC),
        ("SCTLR_EL1", 1 << 31),
    ):
        signer.vcpu.set_sysreg(BY_NAME[name], value)
    signer.vcpu.set_sysreg(BY_NAME["TCR_EL1"], 25)
    signer.vcpu.engine.x[3], signer.vcpu.engine.x[4] = pointer, 5
    assert signer.execute(pacia_x3_x4)
    assert signer.vcpu.engine.x[3] != pointer
    checker.vcpu.load_state(signer.vcpu.state())
    assert checker.execute(autia_x3_x4)
    assert checker.vcpu.engine.x[3] == pointer


def test_exceptions_and_timers_are_told_with_their_time() -> None:
    lone = LoneVcpu()
    told: list[Stamped] = []
    lone.events.subscribe(told.append)
    lone.execute(a64.NOP)
    lone.execute(a64.UDF)
    lone.vcpu.timer.write("CNTP_CTL_EL0", 1)
    assert [(stamped.time, stamped.event) for stamped in told] == [
        (2, ExceptionTaken(0, 1 << 25, lone.vcpu.get_sysreg(BY_NAME["ELR_EL1"]))),
        (2, TimerFired(0, 30)),
    ]


def test_an_interrupt_is_told_when_it_is_taken() -> None:
    lone = LoneVcpu()
    told: list[Stamped] = []
    lone.events.subscribe(told.append)
    lone.ram.write(bench.IRQ_EL1H, a64.NOP.to_bytes(4, "little"))
    lone.vcpu.engine.set_irq(True)
    lone.execute(a64.NOP)
    assert told == []
    lone.execute(a64.NOP, pstate=bench.IRQ_OPEN)
    elr = lone.vcpu.get_sysreg(BY_NAME["ELR_EL1"])
    assert told == [Stamped(1, InterruptTaken(0, is_fiq=False, elr=elr))]
