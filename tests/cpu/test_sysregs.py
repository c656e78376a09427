"""What a guest finds when it reads and writes system registers."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import product

import pytest

from emu.arch.id_layouts import (
    ID_AA64DFR0_EL1,
    ID_AA64ISAR0_EL1,
    ID_AA64MMFR1_EL1,
    ID_AA64PFR0_EL1,
    ID_AA64PFR1_EL1,
)
from emu.arch.layouts import ESR_EL1
from emu.arch.sysregs import (
    BREAKPOINT_COUNT,
    BY_NAME,
    SYSREGS,
    WATCHPOINT_COUNT,
    At,
    Model,
    SysReg,
)
from emu.cpu.model import ABSENT, ID_REGISTERS
from emu.errors import IncompatibleError
from tests import a64
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import COUNTER_FREQUENCY_HZ, MPIDR, LoneVcpu

UNKNOWN = 1 << 25
TRAPPED = 0x18

GUEST = [reg for reg in SYSREGS if reg.el < 2]
ID = [reg for reg in SYSREGS if reg.model is Model.ID]
VALUES = {**ID_REGISTERS, "MPIDR_EL1": MPIDR, "CNTFRQ_EL0": COUNTER_FREQUENCY_HZ}


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


@pytest.mark.parametrize("unknown", [(3, 0, 11, 5, 3), (3, 3, 2, 4, 7), (3, 6, 1, 1, 0)])
def test_unknown_registers_are_undefined(shared: LoneVcpu, unknown: At) -> None:
    for word in (a64.mrs(0, unknown), a64.msr(unknown, 0)):
        assert not shared.execute(word)
        assert int(esr(shared)) == UNKNOWN


@pytest.mark.parametrize("reg", ID, ids=lambda reg: reg.name)
def test_the_guest_and_a_monitor_see_the_same_id_registers(shared: LoneVcpu, reg: SysReg) -> None:
    assert shared.execute(a64.mrs(0, reg.name))
    assert shared.vcpu.engine.x[0] == shared.vcpu.get_sysreg(reg) == VALUES[reg.name]


@pytest.mark.parametrize("reg", ID, ids=lambda reg: reg.name)
def test_an_id_register_of_another_value_is_refused(shared: LoneVcpu, reg: SysReg) -> None:
    """A thawed guest was told of features that are not here; its own value is accepted."""
    value = VALUES[reg.name]
    shared.vcpu.set_sysreg(reg, value)
    with pytest.raises(IncompatibleError, match=f"{reg.name} .*{value ^ 1:#x}.*{value:#x}"):
        shared.vcpu.set_sysreg(reg, value ^ 1)


def test_id_registers_deny_what_the_core_lacks() -> None:
    features = ID_AA64PFR0_EL1(ID_REGISTERS["ID_AA64PFR0_EL1"])
    assert (features.EL3, features.EL2, features.EL1, features.EL0) == (0, 0, 1, 1)
    assert (features.SVE, features.RAS, features.MPAM, features.AMU, features.SEL2) == (0,) * 5
    assert features.GIC == 1
    more = ID_AA64PFR1_EL1(ID_REGISTERS["ID_AA64PFR1_EL1"])
    assert (more.MTE, more.SSBS) == (0, 0)
    assert ID_AA64ISAR0_EL1(ID_REGISTERS["ID_AA64ISAR0_EL1"]).RNDR == 0
    memory = ID_AA64MMFR1_EL1(ID_REGISTERS["ID_AA64MMFR1_EL1"])
    assert (memory.LO, memory.VH) == (0, 0)
    debug = ID_AA64DFR0_EL1(ID_REGISTERS["ID_AA64DFR0_EL1"])
    assert (debug.BRPs + 1, debug.WRPs + 1) == (BREAKPOINT_COUNT, WATCHPOINT_COUNT)


HIDDEN: dict[At, str] = {
    (2, 0, 0, 2, 0): "MDCCINT_EL1: keeps nothing",
    (3, 0, 4, 2, 0): "SPSel: part of PSTATE",
    (3, 0, 4, 2, 3): "PAN: part of PSTATE",
    (3, 0, 4, 2, 4): "UAO: part of PSTATE",
    (3, 3, 4, 2, 0): "NZCV: part of PSTATE",
    (3, 3, 4, 2, 1): "DAIF: part of PSTATE",
}
"""Registers that a guest can write, and that the table need not have."""


def test_every_register_that_a_guest_can_write_is_in_the_table(lone: LoneVcpu) -> None:
    """Or state would hide in the core, which no snapshot and no comparison sees."""
    known = {reg.at for reg in SYSREGS}
    everywhere = list(product((2, 3), range(8), range(16), range(16), range(8)))
    words = [a64.NOP if where in known else a64.msr(where, 0) for where in everywhere]
    code = at.RAM + at.RAM_SIZE_BYTES - 4 * len(words)
    lone.ram.write(code, struct.pack(f"<{len(words)}I", *words))
    engine = lone.vcpu.engine
    writable = set()
    for number, where in enumerate(everywhere):
        if where not in known:
            engine.pc = code + 4 * number
            engine.run(1)
            if engine.pc == code + 4 * number + 4:
                writable.add(where)
    assert writable == set(HIDDEN)


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
