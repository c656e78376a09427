"""What a board may promise beyond the core: the policies, and that they are carried out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest

from emu.arch import id_layouts, one_reg
from emu.arch.id_layouts import level
from emu.arch.sysregs import BY_NAME, Model
from emu.core.events import FeatureIgnored, Stamped
from emu.cpu import CORTEX_A72, MAX
from emu.cpu.features import FEATURES, Feature, Policy
from emu.cpu.promises import beyond
from emu.errors import BoardError, IncompatibleError
from harness import data
from tests import a64
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import LoneVcpu

DOCS = Path(__file__).parents[2] / "docs" / "engine.md"
RECORDED = json.loads(data.read(data.NEOVERSE_ID_REGISTERS))
HOSTS = [(processor, kernel) for processor in RECORDED for kernel in RECORDED[processor]]
DIC: Final = 1 << 29
UNKNOWN: Final = 1 << 25
TRAPPED_SYSTEM: Final = 0x18
SET_SSBS, CLEAR_SSBS = 0xD503413F, 0xD503403F  # msr ssbs, #1; msr ssbs, #0
SET_DIT = 0xD503415F  # msr dit, #1
MSR_DAIFSET_2 = a64.MASK_IRQ


def neoverse(processor: str, kernel: str) -> dict[str, int]:
    """The ID registers that a guest found there. Those left out of the record are zero."""
    names = {name for name, reg in BY_NAME.items() if reg.model is Model.ID}
    names -= {"MPIDR_EL1", "CNTFRQ_EL0", "DCZID_EL0"}
    recorded = {
        one_reg.find(int(register, 16)): int(value, 16)
        for register, value in RECORDED[processor][kernel].items()
    }
    values = {reg.name: value for reg, value in recorded.items() if reg is not None}
    return {name: values.get(name, 0) for name in names}


def promise(feature: Feature, value: int) -> dict[str, int]:
    """MAX's ID register with that field set."""
    field = getattr(getattr(id_layouts, feature.register), feature.field)
    return {feature.register: field.insert(MAX.id_registers.get(feature.register, 0), value)}


ROWS = [(feature, value) for feature in FEATURES for value in feature.values]
ids = [f"{feature.register}.{feature.field}={value}" for feature, value in ROWS]


@pytest.mark.parametrize(("feature", "value"), ROWS, ids=ids)
def test_a_row_is_about_what_the_core_lacks(feature: Feature, value: int) -> None:
    """No policy hides what there is."""
    (found,) = beyond(MAX, *next(iter(promise(feature, value).items())))
    assert (found.register, found.field, found.value) == (
        feature.register,
        feature.field,
        value,
    )
    assert found.feature is feature


def test_no_promise_has_two_policies() -> None:
    keys = [(feature.register, feature.field, value) for feature, value in ROWS]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("feature", "value"), ROWS, ids=ids)
def test_a_policy_is_carried_out(feature: Feature, value: int) -> None:
    """Refused with the reason, or read by the guest as promised; ignored with an event."""
    promised = promise(feature, value)
    if feature.policy is Policy.REFUSE:
        with pytest.raises(BoardError, match=re.escape(feature.why.rstrip("."))):
            LoneVcpu(id_registers=promised)
        return
    lone = LoneVcpu(id_registers=promised)
    told: list[Stamped] = []
    lone.events.subscribe(told.append)
    assert lone.execute(a64.mrs(0, feature.register))
    assert lone.vcpu.engine.x[0] == promised[feature.register]
    ignored = [stamped.event for stamped in told]
    expected = FeatureIgnored(0, feature.register, feature.field, value)
    assert ignored == [expected] * (feature.policy is Policy.IGNORE)
    lone.vcpu.engine.close()


@pytest.mark.parametrize("register", ["ID_AA64ISAR2_EL1", "ID_AA64MMFR3_EL1", "S3_0_C0_C4_3"])
def test_what_has_no_policy_is_refused(register: str) -> None:
    with pytest.raises(BoardError, match=f"{register} = 0x1.*no such feature"):
        LoneVcpu(id_registers={register: 1})


def test_what_is_no_id_register_is_refused() -> None:
    with pytest.raises(BoardError, match="SCTLR_EL1, which are no ID registers"):
        LoneVcpu(id_registers={"SCTLR_EL1": 1})


def test_what_the_other_model_has_is_refused() -> None:
    with pytest.raises(BoardError, match=r"cortex-a72.*ID_AA64ISAR0_EL1\.Atomic = 0x2"):
        LoneVcpu(model=CORTEX_A72, id_registers={"ID_AA64ISAR0_EL1": 2 << 20})


# --- Neoverse ---------------------------------------------------------------------------------

REFUSED = {
    "Neoverse N1": {"CTR_EL0.DIC"},
    "Neoverse V1": {
        "CTR_EL0.DIC",
        "ID_AA64ISAR0_EL1.RNDR",
        "ID_AA64ISAR1_EL1.BF16",
        "ID_AA64ISAR1_EL1.I8MM",
    },
    "Neoverse V2": {
        "CTR_EL0.DIC",
        "ID_AA64ISAR0_EL1.RNDR",
        "ID_AA64ISAR0_EL1.TLB",
        "ID_AA64ISAR1_EL1.BF16",
        "ID_AA64ISAR1_EL1.I8MM",
        "ID_AA64MMFR2_EL1.ST",
    },
}
"""What a board with the ID registers of these may not promise."""


@pytest.mark.parametrize(("processor", "kernel"), HOSTS)
def test_what_is_refused_of_a_neoverse(processor: str, kernel: str) -> None:
    refused = {
        f"{found.register}.{found.field}"
        for register, value in neoverse(processor, kernel).items()
        for found in beyond(MAX, register, value)
        if found.policy is Policy.REFUSE
    }
    assert refused == REFUSED[processor]


@pytest.mark.parametrize("kernel", RECORDED["Neoverse N1"])
def test_a_guest_finds_a_neoverse_n1(kernel: str) -> None:
    """All of its ID registers but for CTR_EL0.DIC, with what they promise, and without the rest."""
    id_registers = neoverse("Neoverse N1", kernel)
    id_registers["CTR_EL0"] &= ~DIC
    lone = LoneVcpu(id_registers=id_registers)
    for name, value in id_registers.items():
        assert lone.execute(a64.mrs(0, name))
        assert lone.vcpu.engine.x[0] == value
    lone.vcpu.engine.x[1] = at.DATA
    for has in (0xF8230024, 0xF8BFC020, 0x2E829420, SET_SSBS):  # ldadd, ldapr, udot, msr ssbs
        assert lone.execute(has)
    for lacks in (0xDAC10083, 0xCE020C20, 0xD9400020, SET_DIT):  # pacia, eor3, ldapur, msr dit
        assert not lone.execute(lacks)
    lone.vcpu.engine.close()


# --- a thawed state that sets ID registers --------------------------------------------------------


def test_a_state_may_set_id_registers_until_the_guest_runs() -> None:
    """What it denies is UNDEFINED, and what it promises comes back."""
    reg = BY_NAME["ID_AA64ISAR1_EL1"]
    lone = LoneVcpu(id_registers={reg.name: 0})
    pauth = MAX.id_registers[reg.name]
    lone.vcpu.set_sysreg(reg, pauth)
    assert lone.execute(a64.mrs(0, "APIAKeyLo_EL1"))
    assert lone.execute(a64.mrs(0, reg.name))
    assert lone.vcpu.engine.x[0] == lone.vcpu.get_sysreg(reg) == pauth
    with pytest.raises(IncompatibleError, match="begun to run"):
        lone.vcpu.set_sysreg(reg, 0)


def test_a_state_that_promises_what_is_refused_is_not_taken() -> None:
    lone = LoneVcpu()
    with pytest.raises(IncompatibleError, match=r"ID_AA64ISAR1_EL1 .*BF16 = 0x1"):
        lone.vcpu.set_sysreg(BY_NAME["ID_AA64ISAR1_EL1"], 1 << 44)


@pytest.mark.parametrize("name", ["MPIDR_EL1", "CNTFRQ_EL0"])
def test_what_belongs_to_the_machine_is_not_a_state_s_to_set(name: str) -> None:
    lone = LoneVcpu()
    value = lone.vcpu.get_sysreg(BY_NAME[name])
    with pytest.raises(IncompatibleError, match="belongs to the machine"):
        lone.vcpu.set_sysreg(BY_NAME[name], value ^ 1)


# --- what is emulated ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "register", "field", "value"),
    [("SSBS", "ID_AA64PFR1_EL1", 7, 2), ("DIT", "ID_AA64PFR0_EL1", 51, 1)],
)
@pytest.mark.parametrize("pstate", [at.EL0T, at.EL1H])
def test_a_bit_of_pstate_is_emulated(
    name: str, register: str, field: int, value: int, pstate: int
) -> None:
    """By MSR (immediate) and (register), by MRS, and as a monitor finds it."""
    lone = LoneVcpu(id_registers={register: MAX.id_registers[register] | value << (field - 3)})
    engine, mask = lone.vcpu.engine, BY_NAME[name].writable
    set_it = SET_SSBS if name == "SSBS" else SET_DIT
    assert lone.execute(set_it, pstate=pstate)
    assert engine.pstate == pstate | mask
    assert lone.execute(a64.mrs(0, name), pstate=pstate | mask)
    assert engine.x[0] == lone.vcpu.get_sysreg(BY_NAME[name]) == mask
    assert lone.execute(set_it & ~0x100, pstate=pstate | mask)
    assert engine.pstate == pstate
    engine.x[0] = (1 << 64) - 1
    assert lone.execute(a64.msr(name, 0), pstate=pstate)
    assert engine.pstate == pstate | mask
    engine.close()


def test_ssbs_is_in_the_saved_pstate_of_an_exception() -> None:
    lone = LoneVcpu(id_registers={"ID_AA64PFR1_EL1": 0x21})
    assert not lone.execute(a64.svc(1), pstate=at.EL0T | 1 << 12)
    assert lone.vcpu.get_sysreg(BY_NAME["SPSR_EL1"]) == at.EL0T | 1 << 12


@pytest.mark.parametrize(
    ("where", "traps"),
    [
        ((3, 0, 0, 4, 0), True),
        ((3, 0, 0, 7, 7), True),
        ((3, 1, 0, 0, 1), True),
        ((3, 0, 1, 0, 0), False),
        ((3, 0, 0, 8, 0), False),
    ],
)
@pytest.mark.parametrize("promised", [True, False])
def test_idst_gives_el0_another_syndrome(
    where: tuple[int, int, int, int, int], traps: bool, promised: bool
) -> None:
    lone = LoneVcpu(id_registers={"ID_AA64MMFR2_EL1": 0x11 | promised << 36})
    assert not lone.execute(a64.mrs(7, where), pstate=at.EL0T)
    op0, op1, crn, crm, op2 = where
    iss = op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | 7 << 5 | crm << 1 | 1
    expected = TRAPPED_SYSTEM << 26 | UNKNOWN | iss if traps and promised else UNKNOWN
    assert int(lone.esr()) == expected


def test_masking_interrupts_from_el0_traps() -> None:
    lone = LoneVcpu()
    assert not lone.execute(MSR_DAIFSET_2, pstate=at.EL0T)
    iss = 6 << 17 | 3 << 14 | 4 << 10 | 31 << 5 | 2 << 1
    assert int(lone.esr()) == TRAPPED_SYSTEM << 26 | UNKNOWN | iss


# --- the page ---------------------------------------------------------------------------------


def row(feature: Feature) -> str:
    values = ", ".join(map(str, feature.values))
    field = f"{feature.register}.{feature.field}"
    return f"| {feature.name} | {field} | {values} | {feature.policy.value} | {feature.why} |"


def test_the_documented_policies_are_those_of_the_table() -> None:
    page = DOCS.read_text(encoding="utf-8").splitlines()
    start = page.index("| feature | field | values | policy | why |") + 2
    assert page[start : start + len(FEATURES)] == [row(feature) for feature in FEATURES]
    assert not page[start + len(FEATURES)].startswith("|")


def test_a_signed_field_promises_least_with_all_ones() -> None:
    field = id_layouts.ID_AA64PFR0_EL1.FP
    assert [level(field, value << 16) for value in (0xF, 0, 1)] == [-1, 0, 1]
