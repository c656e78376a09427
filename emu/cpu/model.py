"""The CPU models: a core of Unicorn, and the ID registers that tell a guest what it is.

They promise nothing that the core lacks, and deny what a guest at EL1 can't have here: EL2, EL3,
AArch32, SVE, secure memory, and RNDR, which would read the host's entropy. A board may promise
more (`emu.cpu.features`) or less. Field meanings: DDI 0487 K.a, D19.2; the cores:
`qemu/target/arm/cpu64.c` of Unicorn 2.1.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from emu.cpu.engine import Core
from emu.errors import BoardError


@dataclass(frozen=True, slots=True)
class CpuModel:
    """A processor that a vCPU can be.

    Attributes:
        name: what a board calls it.
        core: which of Unicorn's.
        id_registers: what the guest reads where the board does not say otherwise; those that are
            not here are zero.
        capable: ID registers by all that the core can keep, where `id_registers` promise less.
        ccsidr: CCSIDR_EL1 by what CSSELR_EL1 selects; of other caches it is zero.
    """

    name: str
    core: Core
    id_registers: Mapping[str, int]
    capable: Mapping[str, int]
    ccsidr: Mapping[int, int]

    def most(self, register: str) -> int:
        """The most that an ID register may promise without a policy."""
        return self.capable.get(register, self.id_registers.get(register, 0))


_CAPABLE_MMFR0 = 0x0010_1125  # besides: 16K granules, 48-bit addresses, and no secure memory

MAX: Final = CpuModel(
    name="max",
    core=Core.MAX,
    id_registers=MappingProxyType(
        {
            "MIDR_EL1": 0x000F_0510,  # implementer 0: a model, not a product
            "ID_AA64PFR0_EL1": 0x0111_0011,  # GIC registers, FP16, AdvSIMD FP16; EL1 and EL0 in A64
            "ID_AA64PFR1_EL1": 0x1,  # BTI
            "ID_AA64DFR0_EL1": 0x1030_5106,  # 6 breakpoints, 4 watchpoints, PMUv3, Armv8 debug
            "ID_AA64ISAR0_EL1": 0x0021_1111_1021_2120,  # all of MAX but RNDR
            "ID_AA64ISAR1_EL1": 0x0000_0111_0121_1012,
            "ID_AA64MMFR0_EL1": 0x0000_0124,  # 4K and 64K granules, 16-bit ASIDs, 44-bit addresses
            "ID_AA64MMFR1_EL1": 0x0020_1000,  # PAN with ATS1E1, HPDS
            "ID_AA64MMFR2_EL1": 0x0000_0011,  # UAO, CnP
            "CLIDR_EL1": 0x0A20_0023,
            "CTR_EL0": 0x8444_C004,
            "DCZID_EL0": 0x4,
        }
    ),
    capable=MappingProxyType(
        {
            "ID_AA64MMFR0_EL1": _CAPABLE_MMFR0,
            "ID_AA64MMFR1_EL1": 0x0021_1000,  # besides: LORegions
        }
    ),
    ccsidr=MappingProxyType({0: 0x701F_E00A, 1: 0x201F_E012, 2: 0x70FF_E07A}),
)
"""Armv8.4 and parts of later versions: LSE, PAC, BTI, PAN, but no SSBS."""

CORTEX_A72: Final = CpuModel(
    name="cortex-a72",
    core=Core.CORTEX_A72,
    id_registers=MappingProxyType(
        {
            "MIDR_EL1": 0x410F_D083,  # r0p3
            "ID_AA64PFR0_EL1": 0x0100_0011,  # GIC registers, FP, AdvSIMD; EL1 and EL0 in A64
            "ID_AA64DFR0_EL1": 0x1030_5106,  # 6 breakpoints, 4 watchpoints, PMUv3, Armv8 debug
            "ID_AA64ISAR0_EL1": 0x0000_0000_0001_1120,  # AES with PMULL, SHA1, SHA2, CRC32
            "ID_AA64MMFR0_EL1": 0x0000_0124,
            "CLIDR_EL1": 0x0A20_0023,
            "CTR_EL0": 0x8444_C004,
            "DCZID_EL0": 0x4,
        }
    ),
    capable=MappingProxyType({"ID_AA64MMFR0_EL1": _CAPABLE_MMFR0}),
    ccsidr=MappingProxyType({0: 0x701F_E00A, 1: 0x201F_E012, 2: 0x707F_E07A}),
)
"""Armv8.0 as Cortex-A72 r0p3 has it: without LSE, PAC, BTI, PAN and LDAPR."""

CPU_MODELS: Final = {model.name: model for model in (MAX, CORTEX_A72)}
"""All CPU models, by name."""


def find_cpu_model(name: str) -> CpuModel:
    """The CPU model called `name`; `BoardError` names the known ones."""
    try:
        return CPU_MODELS[name]
    except KeyError:
        known = ", ".join(sorted(CPU_MODELS))
        raise BoardError(f"unknown CPU model {name!r}; known: {known}") from None
