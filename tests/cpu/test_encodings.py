"""Every encoding of MRS, MSR, SYS and SYSL: there as the table says, or UNDEFINED."""

from __future__ import annotations

import struct
from itertools import product

import pytest

from emu.arch.sysregs import SYS_INSTRUCTIONS, SYSREGS, At, SysReg
from emu.cpu import CORTEX_A72, MAX, CpuModel
from emu.cpu.identity import Identity
from tests import a64
from tests.cpu import bench as at
from tests.cpu.lone_vcpu import LoneVcpu

UNKNOWN = 1 << 25
CODE = at.RAM + 0xF000
EVERYWHERE: list[At] = list(product((1, 2, 3), range(8), range(16), range(16), range(8)))
SKIP_IT = (
    0xD5384029,  # mrs x9, elr_el1
    0x91001129,  # add x9, x9, #4
    0xD5184029,  # msr elr_el1, x9
    a64.ERET,
)
PROMISING = {
    "ID_AA64PFR0_EL1": MAX.id_registers["ID_AA64PFR0_EL1"] | 1 << 48 | 2 << 28,  # DIT, RAS
    "ID_AA64PFR1_EL1": MAX.id_registers["ID_AA64PFR1_EL1"] | 2 << 4,  # SSBS
    "ID_AA64DFR0_EL1": MAX.id_registers["ID_AA64DFR0_EL1"] | 5 << 8,  # PMUv3 for Armv8.4
    "ID_AA64MMFR1_EL1": MAX.id_registers["ID_AA64MMFR1_EL1"] | 1 << 16,  # LORegions
}
DENYING = {
    name: value & ~0xF if name == "ID_AA64DFR0_EL1" else 0
    for name, value in MAX.id_registers.items()
    if name.startswith("ID_AA64") and "PFR0" not in name
} | {"ID_AA64PFR0_EL1": 0x11, "ID_AA64DFR0_EL1": 0x1006}
PROCESSORS = {
    "max": (MAX, {}),
    "max, all that can be had": (MAX, PROMISING),
    "max, as little as can be": (MAX, DENYING),
    "cortex-a72": (CORTEX_A72, {}),
}


def allowed(model: CpuModel, id_registers: dict[str, int], access: str, el: int) -> set[At]:
    """Where the tables say that an access is carried out, or is if a control register says so."""
    identity = Identity(model, id_registers)
    registers = {reg.at for reg in SYSREGS if reachable(reg, access, el, identity)}
    instructions = {
        row.at for row in SYS_INSTRUCTIONS if row.el <= el and identity.promises(row.needs)
    }
    return registers | (instructions if access == "W" else set())


def reachable(reg: SysReg, access: str, el: int, identity: Identity) -> bool:
    lowest = reg.el if access == "R" else reg.write_el
    return access in reg.access and lowest <= el and identity.promises(reg.needs)


SWEEPS = [*((name, at.EL1H) for name in PROCESSORS), ("max, all that can be had", at.EL0T)]


@pytest.mark.parametrize(("processor", "pstate"), SWEEPS)
@pytest.mark.parametrize("access", ["R", "W"])
def test_what_the_tables_do_not_have_is_undefined(processor: str, pstate: int, access: str) -> None:
    """All 49152 encodings, but for those that are allowed: no register of the core's shows, and
    none reads as zero.
    """
    model, id_registers = PROCESSORS[processor]
    there = allowed(model, id_registers, access, pstate >> 2 & 3)
    instruction = a64.mrs if access == "R" else lambda rt, register: a64.msr(register, rt)
    words = [a64.NOP if where in there else instruction(0, where) for where in EVERYWHERE]
    lone = LoneVcpu(model=model, id_registers=id_registers)
    lone.ram.write(CODE, struct.pack(f"<{len(words)}I", *words))
    for vector in (at.SYNC_EL1H, at.SYNC_EL0):
        lone.ram.write(vector, struct.pack("<4I", *SKIP_IT))
    raised: dict[int, int] = {}
    lone.vcpu.engine.on_exception = lambda esr, elr: raised.update({elr: esr})
    lone.vcpu.engine.pc, lone.vcpu.engine.pstate = CODE, pstate
    denied = len(words) - len(there & set(EVERYWHERE))
    lone.vcpu.engine.run(len(words) + len(SKIP_IT) * denied)
    places = {CODE + 4 * number: where for number, where in enumerate(EVERYWHERE)}
    assert {places[elr] for elr in places.keys() - raised.keys()} == there
    assert set(raised.values()) == {UNKNOWN}
    lone.vcpu.engine.close()


@pytest.mark.parametrize("processor", PROCESSORS)
def test_what_the_tables_have_is_there(processor: str) -> None:
    """Each allowed access is carried out at EL1. Registers are written back as they were."""
    model, id_registers = PROCESSORS[processor]
    lone = LoneVcpu(model=model, id_registers=id_registers)
    readable = allowed(model, id_registers, "R", 1)
    for where in sorted(allowed(model, id_registers, "W", 1) | readable):
        lone.vcpu.engine.x[0] = at.DATA
        if where in readable:
            assert lone.execute(a64.mrs(0, where)), where
        if where in allowed(model, id_registers, "W", 1):
            assert lone.execute(a64.msr(where, 0)), where
    lone.vcpu.engine.close()


EL0_SCTLR = 1 << 26 | 1 << 15 | 1 << 14 | 1 << 10 | 1 << 9  # UCI, UCT, DZE, EnRCTX, UMA
OPENED = {"SCTLR_EL1": EL0_SCTLR, "CNTKCTL_EL1": 0x303, "PMUSERENR_EL0": 0xF, "MDSCR_EL1": 0}
CLOSED = {"SCTLR_EL1": 0, "CNTKCTL_EL1": 0, "PMUSERENR_EL0": 0, "MDSCR_EL1": 1 << 12}


@pytest.mark.parametrize("access", ["R", "W"])
def test_what_el0_may_do_is_done_or_traps(access: str) -> None:
    """With every control open it is done; with every one closed it either is, or traps to EL1 with
    the syndrome of that access (DDI 0487 K.a, D19.2.40).
    """
    lone = LoneVcpu(id_registers=PROMISING)
    for where in sorted(allowed(MAX, PROMISING, access, 0)):
        lone.vcpu.engine.x[3] = at.DATA
        word = a64.mrs(3, where) if access == "R" else a64.msr(where, 3)
        control(lone, OPENED)
        assert lone.execute(word, pstate=at.EL0T), where
        control(lone, CLOSED)
        if not lone.execute(word, pstate=at.EL0T):
            op0, op1, crn, crm, op2 = where
            iss = op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | 3 << 5 | crm << 1
            expected = 0x18 << 26 | UNKNOWN | iss | (access == "R")
            assert int(lone.esr()) == expected, where
    lone.vcpu.engine.close()


def control(lone: LoneVcpu, values: dict[str, int]) -> None:
    for name, value in values.items():
        lone.vcpu.set_sysreg(next(reg for reg in SYSREGS if reg.name == name), value)
