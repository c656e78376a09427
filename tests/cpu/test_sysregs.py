"""What a guest finds when it reads and writes system registers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emu.arch.layouts import ESR_EL1
from emu.arch.sysregs import BY_NAME, SYSREGS, UNMODELLED, Model, SysReg
from emu.cpu import MAX
from emu.cpu.absent import ABSENT
from emu.cpu.identity import Identity
from emu.errors import IncompatibleError
from tests import a64
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import COUNTER_FREQUENCY_HZ, MPIDR, LoneVcpu

UNKNOWN = 1 << 25
TRAPPED = 0x18

ID = [reg for reg in SYSREGS if reg.model is Model.ID]
VALUES = {**MAX.id_registers, "MPIDR_EL1": MPIDR, "CNTFRQ_EL0": COUNTER_FREQUENCY_HZ}
IDENTITY = Identity(MAX, {})
GUEST = [reg for reg in SYSREGS if reg.el < 2 and IDENTITY.promises(reg.needs)]


@pytest.fixture(scope="module")
def shared() -> LoneVcpu:
    """One vCPU for all tests that leave it as it was."""
    return LoneVcpu()


@pytest.fixture
def lone() -> Iterator[LoneVcpu]:
    """A vCPU of one's own."""
    lone = LoneVcpu()
    yield lone
    lone.vcpu.engine.close()


def esr(lone: LoneVcpu) -> ESR_EL1:
    return ESR_EL1(lone.vcpu.get_sysreg(BY_NAME["ESR_EL1"]))


@pytest.mark.parametrize("reg", GUEST, ids=lambda reg: reg.name)
def test_el1_may_do_what_the_table_says_and_no_more(shared: LoneVcpu, reg: SysReg) -> None:
    """All else is UNDEFINED."""
    assert shared.execute(a64.mrs(0, reg.at)) == ("R" in reg.access)
    # Written back as it was, so that what follows is not disturbed.
    assert shared.execute(a64.msr(reg.at, 0)) == ("W" in reg.access)
    if reg.access != "RW":
        assert int(esr(shared)) == UNKNOWN


@pytest.mark.parametrize("reg", [reg for reg in GUEST if reg.el], ids=lambda reg: reg.name)
def test_el0_may_not_touch_the_registers_of_el1(shared: LoneVcpu, reg: SysReg) -> None:
    assert not shared.execute(a64.mrs(0, reg.at), pstate=at.EL0T)
    assert not shared.execute(a64.msr(reg.at, 0), pstate=at.EL0T)


@pytest.mark.parametrize("name", [reg.name for reg in SYSREGS if reg.el == 2])
def test_the_guest_can_not_name_registers_of_el2(shared: LoneVcpu, name: str) -> None:
    assert not shared.execute(a64.mrs(0, name))
    assert int(esr(shared)) == UNKNOWN


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_registers_of_features_that_are_denied_are_undefined(shared: LoneVcpu, name: str) -> None:
    """RNDR above all, which would read the host's entropy."""
    for word in (a64.mrs(0, ABSENT[name]), a64.msr(ABSENT[name], 0)):
        assert not shared.execute(word)
        assert int(esr(shared)) == UNKNOWN


@pytest.mark.parametrize("reg", ID, ids=lambda reg: reg.name)
def test_the_guest_and_a_monitor_see_the_same_id_registers(shared: LoneVcpu, reg: SysReg) -> None:
    assert shared.execute(a64.mrs(0, reg.name))
    assert shared.vcpu.engine.x[0] == shared.vcpu.get_sysreg(reg) == VALUES.get(reg.name, 0)


@pytest.mark.parametrize("reg", ID, ids=lambda reg: reg.name)
def test_an_id_register_is_fixed_once_the_guest_has_run(shared: LoneVcpu, reg: SysReg) -> None:
    """It was told of these features; setting the same value again is accepted."""
    assert shared.execute(a64.NOP)
    value = shared.vcpu.get_sysreg(reg)
    shared.vcpu.set_sysreg(reg, value)
    with pytest.raises(IncompatibleError, match=f"{reg.name} .*{value ^ 1:#x}.*{value:#x}"):
        shared.vcpu.set_sysreg(reg, value ^ 1)


@pytest.mark.parametrize("reg", UNMODELLED, ids=lambda reg: reg.name)
def test_a_register_that_is_not_there_is_no_monitor_s_either(shared: LoneVcpu, reg: SysReg) -> None:
    """An error, not a zero."""
    assert not shared.vcpu.has_sysreg(reg)
    with pytest.raises(IncompatibleError, match=f"{reg.name} .*has no such register"):
        shared.vcpu.get_sysreg(reg)
    with pytest.raises(IncompatibleError, match=f"{reg.name} .*has no such register"):
        shared.vcpu.set_sysreg(reg, 0)


@pytest.mark.parametrize(
    ("name", "control", "bits"),
    [
        ("CNTFRQ_EL0", "CNTKCTL_EL1", 1),
        ("CNTPCT_EL0", "CNTKCTL_EL1", 1),
        ("CNTVCT_EL0", "CNTKCTL_EL1", 2),
        ("CNTV_CTL_EL0", "CNTKCTL_EL1", 1 << 8),
        ("CNTP_CVAL_EL0", "CNTKCTL_EL1", 1 << 9),
        ("PMCCNTR_EL0", "PMUSERENR_EL0", 4),
        ("PMCR_EL0", "PMUSERENR_EL0", 1),
        ("CTR_EL0", "SCTLR_EL1", 1 << 15),
        ("DAIF", "SCTLR_EL1", 1 << 9),
    ],
)
def test_control_registers_open_registers_to_el0(
    lone: LoneVcpu, name: str, control: str, bits: int
) -> None:
    """Otherwise the access traps to EL1, and tells which register it was about."""
    lone.vcpu.set_sysreg(BY_NAME[control], 0)
    assert not lone.execute(a64.mrs(3, name), pstate=at.EL0T)
    op0, op1, crn, crm, op2 = BY_NAME[name].at
    iss = op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | 3 << 5 | crm << 1 | 1
    assert (TRAPPED, iss) == (esr(lone).EC, esr(lone).ISS)
    lone.vcpu.set_sysreg(BY_NAME[control], bits)
    assert lone.execute(a64.mrs(3, name), pstate=at.EL0T)


@pytest.mark.parametrize(
    ("name", "value", "open_to_el0"),
    [
        ("CTR_EL0", 0x8444_C004, False),  # as the core has it
        ("CTR_EL0", 0x8444_C003, False),
        ("DCZID_EL0", 0x4, True),  # as the core has it
        ("DCZID_EL0", 0x14, True),
    ],
)
def test_what_the_board_says_of_caches_is_read_whoever_tells_it(
    name: str, value: int, open_to_el0: bool
) -> None:
    """The core itself, where it would say the same."""
    lone = LoneVcpu(id_registers={name: value})
    lone.vcpu.set_sysreg(BY_NAME["SCTLR_EL1"], 1 << 14 | 0xC5_0838)  # DZE, but not UCT
    for pstate, allowed in ((at.EL1H, True), (at.EL0T, open_to_el0)):
        assert lone.execute(a64.mrs(3, name), pstate=pstate) == allowed
        assert not allowed or lone.vcpu.engine.x[3] == value
    lone.vcpu.engine.close()


@pytest.mark.parametrize("name", ["PMUSERENR_EL0", "TPIDRRO_EL0"])
def test_el0_reads_but_never_writes(lone: LoneVcpu, name: str) -> None:
    lone.vcpu.set_sysreg(BY_NAME["PMUSERENR_EL0"], 1)
    assert lone.execute(a64.mrs(0, name), pstate=at.EL0T)
    assert not lone.execute(a64.msr(name, 0), pstate=at.EL0T)
    assert int(esr(lone)) == UNKNOWN


@pytest.mark.parametrize(
    "name", [r.name for r in SYSREGS if r.model is Model.GIC and r.access == "RW"]
)
def test_the_gic_s_registers_are_its_own(lone: LoneVcpu, name: str) -> None:
    lone.vcpu.engine.x[5] = 0x1234
    assert lone.execute(a64.msr(name, 5))
    assert lone.gic[name].value == 0x1234
    assert lone.execute(a64.mrs(6, name))
    assert lone.vcpu.engine.x[6] == lone.vcpu.get_sysreg(BY_NAME[name]) == 0x1234


def test_the_os_lock_is_kept(lone: LoneVcpu) -> None:
    """A monitor sets it through OSLSR_EL1, which a guest can only read."""
    for locked in (0, 1, 0):
        lone.vcpu.engine.x[0] = locked
        assert lone.execute(a64.msr("OSLAR_EL1", 0))
        status = lone.vcpu.get_sysreg(BY_NAME["OSLSR_EL1"])
        assert status >> 1 & 1 == locked
        lone.vcpu.set_sysreg(BY_NAME["OSLSR_EL1"], status ^ 2)
        assert lone.execute(a64.mrs(1, "OSLSR_EL1"))
        assert lone.vcpu.engine.x[1] == status ^ 2
