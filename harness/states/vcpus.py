"""vCPUs that run Linux: the registers that KVM lists, in its order.

Sources of the values: Linux 6.1, `arch/arm64/kernel/head.S`, `arch/arm64/mm/proc.S`,
`arch/arm64/include/asm/sysreg.h` and `drivers/clocksource/arm_arch_timer.c` for what a guest
writes; `arch/arm64/kvm/sys_regs.c` for what it has not written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Final

from emu.arch import layouts, one_reg
from emu.arch.kvm import NEVER_WRITTEN
from emu.arch.kvm_reg_list import HostKernel, register_list
from emu.arch.pvtime import STOLEN_TIME_SIZE_BYTES
from emu.formats.firecracker.leaves import Aarch64RegisterVec
from emu.wire.facts import Facts
from harness import data
from harness.states.guest import KERNEL_PHYSICAL, Guest
from harness.states.machine import Cpu, Machine

Values = dict[str, int]
"""Registers by name."""

_RUNNABLE = (0).to_bytes(4, "little")
_GENERIC_V8 = 5
_PSCI_0_2 = 1 << 2
_VCPUS_PER_CLUSTER = 16
_COUNTER_HZ = {"neoverse-n1": 121_875_000, "neoverse-v1": 1_050_000_000, "neoverse-v2": 10**9}

# --- what does not change while Linux runs -----------------------------------------------------

_CACHEABLE = {f"{side}RGN{half}": 1 for side in ("I", "O") for half in (0, 1)}
_TCR = layouts.TCR_EL1().replace(
    AS=1, A1=1, HA=1, TBI0=1, IPS=5, T0SZ=16, T1SZ=16, TG1=2, SH0=3, SH1=3, **_CACHEABLE
)

_SCTLR = 0x3474_D91D
"""INIT_SCTLR_EL1_MMU_ON, without SPAN because there is PAN."""

_MAIR = 0x0000_0004_0044_FFFF
"""Normal, the same tagged, not cacheable; device nGnRnE and nGnRE."""

_SETTINGS: Final[Values] = {
    "SCTLR_EL1": _SCTLR,
    "TCR_EL1": _TCR.value,
    "MAIR_EL1": _MAIR,
    "CPACR_EL1": layouts.CPACR_EL1().replace(FPEN=3).value,
    "CNTKCTL_EL1": layouts.CNTKCTL_EL1().replace(EVNTI=13, EVNTEN=1, EL0VCTEN=1).value,
    "MDSCR_EL1": layouts.MDSCR_EL1().replace(TDCC=1).value,
    "OSLSR_EL1": layouts.OSLSR_EL1().replace(OSLM_1=1).value,
    "FPEXC32_EL2": 0x700,
}

_UNWRITTEN: Final = dict.fromkeys(
    (
        *("AFSR0_EL1", "AFSR1_EL1", "PAR_EL1", "DISR_EL1", "DACR32_EL2", "IFSR32_EL2"),
        *("PMINTENSET_EL1", "PMINTENCLR_EL1", "PMCNTENSET_EL0", "PMCNTENCLR_EL0"),
        *("PMOVSCLR_EL0", "PMOVSSET_EL0", "PMSWINC_EL0", "PMSELR_EL0"),
    ),
    NEVER_WRITTEN,
)

_VECTORS = 0x1_0800
"""Offset in the kernel's image."""

_TABLES = 0x1C0_0000
"""Offset in the kernel's image of `reserved_pg_dir`; `swapper_pg_dir` is two pages above it."""


def mpidr(vcpu: int) -> int:
    """MPIDR_EL1 of a vCPU, as KVM chooses it (`reset_mpidr`)."""
    cluster, core = divmod(vcpu, _VCPUS_PER_CLUSTER)
    return 1 << 31 | cluster << 8 | core


@cache
def _recorded() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    recorded: Mapping[str, Mapping[str, Mapping[str, str]]] = json.loads(
        data.read(data.NEOVERSE_ID_REGISTERS)
    )
    return {name.lower().replace(" ", "-"): hosts for name, hosts in recorded.items()}


def _identification(cpu: Cpu, kernel: str) -> Values:
    known = {f"{reg.id:#x}": name for name, reg in one_reg.BY_NAME.items()}
    return {known[reg]: int(value, 16) for reg, value in _recorded()[cpu][kernel].items()}


# --- what does ---------------------------------------------------------------------------------


def _general(guest: Guest) -> Values:
    """In the kernel: addresses of its objects, small numbers."""
    random = guest.random
    choices = (guest.heap, guest.data, guest.stack, lambda: random.randrange(0x1000), lambda: 0)
    values = {f"X{n}": random.choice(choices)() for n in range(29)}
    stack = guest.stack()
    return {
        **values,
        "X29": stack,
        "X30": guest.text(),
        "SP_EL0": guest.heap(),  # `current`
        "SP_EL1": stack,
        "PC": guest.text(),
        "PSTATE": _pstate(random),
    }


def _pstate(random: Random) -> int:
    """At EL1 with SP_EL1, interrupts masked in half of the cases."""
    masked = random.randrange(2)
    flags = {flag: random.randrange(2) for flag in "NZCV"}
    return layouts.PState().replace(M=0b0101, PAN=1, I=masked, F=masked, **flags).value


def _interrupted(guest: Guest) -> Values:
    """What is left of the last exception: a system call, or a fault of a process."""
    svc, fault = 0x15, 0x24
    user = layouts.PState().replace(SSBS=1, C=1, Z=guest.random.randrange(2))
    return {
        "ELR_EL1": guest.user() & ~3,
        "SPSR_EL1": user.value,
        "ESR_EL1": layouts.ESR_EL1().replace(EC=guest.random.choice([svc, fault]), IL=1).value,
        "FAR_EL1": guest.user(),
        "TPIDR_EL0": guest.user(),
    }


def _vectors(random: Random) -> Values:
    """Text that was copied, floating-point numbers, zeros."""
    return {
        f"V{n}": int.from_bytes(random.randbytes(random.choice([0, 0, 8, 16])), "little")
        for n in range(32)
    }


def _translation(guest: Guest) -> Values:
    """TTBR1_EL1 has the kernel's tables and, with TCR_EL1.A1 set, the ASID."""
    random = guest.random
    asid = random.randrange(1, 0x10000)
    process = random.choice([KERNEL_PHYSICAL + _TABLES, guest.pages(1)])
    swapper = KERNEL_PHYSICAL + _TABLES + 0x2000
    return {
        "TTBR0_EL1": process,
        "TTBR1_EL1": layouts.TTBR_EL1(swapper).replace(ASID=asid).value,
        "VBAR_EL1": guest.at(_VECTORS),
        "TPIDR_EL1": guest.heap(),
    }


def _timers(random: Random, counter_hz: int, count: int) -> Values:
    """The virtual timer is set to fire within four milliseconds; the physical one is not used."""
    wait = random.randrange(1, counter_hz // 250)
    return {
        "CNTV_CTL_EL0": layouts.CNT_CTL().replace(ENABLE=1).value,
        "CNTVCT_EL0": count,
        "CNTV_CVAL_EL0": count + wait,
        "CNTPCT_EL0": count,
    }


def running(vcpu: int, guest: Guest, counter_hz: int) -> Values:
    """What a Linux that runs has in the registers; 0 in those that are left out."""
    seconds = guest.uptime_s + vcpu / 10_000  # One vCPU is asked after the other.
    return {
        **_SETTINGS,
        "MPIDR_EL1": mpidr(vcpu),
        **_general(guest),
        **_interrupted(guest),
        **_vectors(guest.random),
        **_translation(guest),
        **_timers(guest.random, counter_hz, int(seconds * counter_hz)),
    }


def vcpus(machine: Machine, guest: Guest, pvtime: int | None) -> list[Facts]:
    """All vCPUs, that which booted first; its record of stolen time, if any, is at `pvtime`."""
    listed = [one_reg.find(register) for register in register_list(HostKernel(machine.kernel))]
    registers = [(register.id, register.name) for register in listed if register is not None]
    constant = {**_UNWRITTEN, **_identification(machine.cpu, machine.kernel)}
    states = []
    for vcpu in range(machine.vcpus):
        values = {**constant, **running(vcpu, guest, _COUNTER_HZ[machine.cpu])}
        regs = Aarch64RegisterVec.of((reg, values.get(name, 0)) for reg, name in registers)
        states.append(_vcpu(vcpu, regs, pvtime))
    return states


def _vcpu(vcpu: int, regs: Aarch64RegisterVec, pvtime: int | None) -> Facts:
    init = (_GENERIC_V8, _PSCI_0_2, *[0] * 6)
    return {
        "mp_state": _RUNNABLE,
        "regs": {"ids": regs.ids, "data": regs.data},
        "mpidr": mpidr(vcpu),
        "kvi": b"".join(word.to_bytes(4, "little") for word in init),
        "pvtime_ipa": None if pvtime is None else pvtime + vcpu * STOLEN_TIME_SIZE_BYTES,
    }
