"""What EL0 and EL1 may do with the generic timer's registers (DDI 0487 K.a, D12 and D19.12)."""

from __future__ import annotations

import pytest

from emu.arch.layouts import ESR_EL1
from emu.arch.sysregs import BY_NAME
from tests import a64
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import LoneVcpu

TRAPPED, UNDEFINED = 0x18, 0
EVERY_BIT = 0x303

OPENED_BY = {
    "CNTFRQ_EL0": 0b11,
    "CNTPCT_EL0": 1,
    "CNTVCT_EL0": 2,
    **{f"CNTV_{name}_EL0": 1 << 8 for name in ("CTL", "CVAL", "TVAL")},
    **{f"CNTP_{name}_EL0": 1 << 9 for name in ("CTL", "CVAL", "TVAL")},
}
"""Any of these bits of CNTKCTL_EL1 lets EL0 access the register."""

READ_ONLY = ("CNTFRQ_EL0", "CNTPCT_EL0", "CNTVCT_EL0")


@pytest.fixture
def lone() -> LoneVcpu:
    """A vCPU."""
    return LoneVcpu()


def exception_class(lone: LoneVcpu) -> int:
    """Of the last exception."""
    return ESR_EL1(lone.vcpu.get_sysreg(BY_NAME["ESR_EL1"])).EC


def instructions(name: str) -> list[int]:
    """Those that access the register."""
    return [a64.mrs(3, name)] + [a64.msr(name, 3)] * (name not in READ_ONLY)


@pytest.mark.parametrize("name", OPENED_BY)
def test_cntkctl_opens_a_register_to_el0_by_its_bits_alone(lone: LoneVcpu, name: str) -> None:
    for instruction in instructions(name):
        for bit in (1, 2, 1 << 8, 1 << 9):
            lone.vcpu.set_sysreg(BY_NAME["CNTKCTL_EL1"], bit)
            taken = lone.execute(instruction, pstate=at.EL0T)
            assert taken == bool(bit & OPENED_BY[name])
            assert taken or exception_class(lone) == TRAPPED


@pytest.mark.parametrize("name", OPENED_BY)
def test_el1_needs_nobodys_leave(lone: LoneVcpu, name: str) -> None:
    lone.vcpu.set_sysreg(BY_NAME["CNTKCTL_EL1"], 0)
    for instruction in instructions(name):
        assert lone.execute(instruction)


@pytest.mark.parametrize("pstate", [at.EL0T, at.EL1H])
@pytest.mark.parametrize("name", READ_ONLY)
def test_frequency_and_counts_can_not_be_written(lone: LoneVcpu, name: str, pstate: int) -> None:
    """CNTFRQ_EL0 is the highest exception level's to write, which is a hypervisor's here."""
    lone.vcpu.set_sysreg(BY_NAME["CNTKCTL_EL1"], EVERY_BIT)
    assert not lone.execute(a64.msr(name, 3), pstate=pstate)
    assert exception_class(lone) == UNDEFINED


def test_the_event_stream_is_kept_and_does_nothing(lone: LoneVcpu) -> None:
    """WFE does not wait, so that no event can end it."""
    lone.vcpu.engine.x[3] = 0xF4
    assert lone.execute(a64.msr("CNTKCTL_EL1", 3))
    assert lone.vcpu.get_sysreg(BY_NAME["CNTKCTL_EL1"]) == 0xF4
